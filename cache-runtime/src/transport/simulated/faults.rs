//! What can happen to the servers of a simulation.

use std::time::Duration;

use tokio::time::Instant;

use super::network::{Network, State};
use super::server::List;
use crate::simulation::random::below;

impl Network {
    /// Stops the server that the address leads to, or some server of the cluster, as by `SIGSTOP`.
    pub fn freeze(&self) {
        self.with(|state| {
            let server = state.some_server();
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

    /// Ends the server that the address leads to, or some server of the cluster, and all connections to it.
    pub fn kill(&self) {
        self.with(|state| {
            let server = state.some_server();
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
    /// Without a replica that runs, and has been a replica for so long, nothing happens.
    pub fn fail_over(&self, ends_connections: bool, least: Duration) {
        self.with(|state| {
            let before = state.address;
            let Some(next) = state.replica(least) else {
                return;
            };
            state.servers[before].is_primary = false;
            state.servers[before].replica_since = Some(Instant::now());
            state.servers[next].is_primary = true;
            state.address = next;
            if ends_connections {
                state.reset_all(before);
            }
        });
    }

    /// Separates the primary from its replicas, or no longer.
    pub fn split(&self, is_split: bool) {
        self.with(|state| state.is_split = is_split);
    }

    /// Whether the servers write the list of instances.
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
    fn some_server(&self) -> usize {
        if self.is_cluster {
            usize::try_from(below(self.servers.len() as u64)).unwrap_or(0)
        } else {
            self.address
        }
    }

    fn replica(&self, least: Duration) -> Option<usize> {
        let mut servers = self.servers.iter();
        servers.position(|server| {
            let is_old = |since: Instant| since.elapsed() >= least;
            let runs = !server.is_down && !server.is_frozen;
            runs && !server.is_primary && server.replica_since.is_none_or(is_old)
        })
    }
}
