//! What can happen to the servers of a simulation.

use super::network::{Network, State};
use super::server::List;

impl Network {
    /// Stops the server that the address leads to, as by `SIGSTOP`.
    pub fn freeze(&self) {
        self.with(|state| {
            let server = state.address;
            state.servers[server].is_frozen = true;
        });
    }

    /// Lets the servers go on that were frozen.
    pub fn thaw(&self) {
        self.with(|state| {
            for server in &mut state.servers {
                server.is_frozen = false;
            }
            state.deliver_held();
        });
    }

    /// Ends the server that the address leads to, and all connections to it.
    pub fn kill(&self) {
        self.with(|state| {
            let server = state.address;
            state.servers[server].is_down = true;
            state.reset_all(server);
        });
    }

    /// Starts the servers again that were killed: with what they had stored with
    /// [`save`](Self::save), or with nothing.
    pub fn start(&self, from_snapshot: bool) {
        self.with(|state| {
            for server in state.servers.iter_mut().filter(|server| server.is_down) {
                let list = if from_snapshot {
                    server.snapshot.clone()
                } else {
                    List::default()
                };
                server.start(list);
            }
        });
    }

    /// Makes the server that the address leads to store what it has.
    pub fn save(&self) {
        self.with(|state| {
            let server = state.address;
            state.servers[server].snapshot = state.servers[server].list.clone();
        });
    }

    /// Makes a replica the primary, to which the address leads from now on. What has not reached it yet is
    /// lost. The former primary becomes its replica, and keeps its connections unless they are ended.
    /// Without a replica that runs, nothing happens.
    pub fn fail_over(&self, ends_connections: bool) {
        self.with(|state| {
            let before = state.address;
            let Some(next) = state.replica() else { return };
            state.servers[before].is_primary = false;
            state.servers[next].is_primary = true;
            state.address = next;
            if ends_connections {
                state.reset_all(before);
            }
        });
    }

    /// Whether the server that the address leads to writes the list of instances.
    pub fn allow_list(&self, allowed: bool) {
        self.with(|state| {
            for server in &mut state.servers {
                server.refuses_list = !allowed;
            }
        });
    }

    /// Deletes the list of instances.
    pub fn delete_list(&self) {
        self.with(|state| {
            let server = state.address;
            state.servers[server].list = List::default();
        });
    }
}

impl State {
    fn replica(&self) -> Option<usize> {
        let mut servers = self.servers.iter();
        servers.position(|server| !server.is_primary && !server.is_down && !server.is_frozen)
    }
}
