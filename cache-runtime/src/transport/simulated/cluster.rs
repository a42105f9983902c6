//! A simulated cluster: which server serves which slots, and how an instance follows them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::network::{Network, State};
use super::request::{Reply, Request};
use super::slots::{GROUPS, View, group_of};
use super::{Client, Limits, unexpected};
use crate::health::Cause;
use crate::settings::Settings;
use crate::simulation::random::below;
use crate::sync::Mutex;
use crate::transport::Store;
use crate::transport::wire::{Published, Status, Wire};

/// How often an event is sent, if its slot has moved each time.
const ATTEMPTS: u32 = 3;

/// The cluster, as one instance uses it.
pub(crate) struct Cluster {
    network: Network,
    limits: Limits,
    /// Its connections to each server.
    nodes: Vec<Arc<Client>>,
    map: Mutex<Option<Arc<SlotMap>>>,
    moves: Notify,
    asked: AtomicUsize,
    pause: Duration,
}

/// Which node serves which slots.
pub(crate) struct SlotMap {
    view: View,
    nodes: Vec<Arc<Client>>,
}

impl SlotMap {
    /// The node that serves the slot of a channel.
    pub(crate) fn primary(&self, channel: &str) -> Option<&Arc<Client>> {
        self.nodes.get(self.view.owners[group_of(channel)])
    }
}

impl Network {
    /// Servers that share the slots.
    #[must_use]
    pub fn cluster(servers: usize) -> Self {
        let network = Self::new(servers);
        network.with(|state| {
            state.is_cluster = true;
            for server in &mut state.servers {
                server.is_primary = true;
                server.view = View::shared_by(servers);
            }
        });
        network
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.with(|state| state.is_cluster)
    }

    /// In a cluster, moves some slots to another server. With `dies`, their server ends before, and its other slots move
    /// too.
    pub fn migrate(&self, dies: bool) {
        self.with(|state| {
            if !state.is_cluster {
                return;
            }
            let target = usize::try_from(below(state.servers.len() as u64)).unwrap_or(0);
            if state.servers[target].is_down || state.servers[target].is_frozen {
                return;
            }
            let view = state.newest_view();
            let group = usize::try_from(below(GROUPS as u64)).unwrap_or(0);
            let source = view.owners[group];
            if source == target || state.servers[source].is_frozen && !dies {
                return;
            }
            let all = view.owners.iter().enumerate();
            let moved = all.filter(|(at, owner)| *at == group || dies && **owner == source);
            let moved: Vec<_> = moved.map(|(at, _)| at).collect();
            if dies {
                state.servers[source].is_down = true;
                state.reset_all(source);
            }
            state.take_over(&moved, source, target);
        });
    }
}

impl State {
    fn newest_view(&self) -> View {
        let views = self.servers.iter().map(|server| &server.view);
        let newest = views.max_by_key(|view| view.epoch);
        newest.cloned().unwrap_or_default()
    }

    fn take_over(&mut self, groups: &[usize], source: usize, target: usize) {
        let mut view = self.newest_view();
        view.epoch += 1;
        for group in groups {
            view.owners[*group] = target;
        }
        self.servers[source].view = view.clone();
        self.servers[target].view = view.clone();
        // The server that has lost a slot ends its subscriptions.
        let ended =
            self.servers[source].take_subscribed(|channel| groups.contains(&group_of(channel)));
        let unsubscribed = ended.into_iter().map(|(channel, connection)| {
            let channel = channel.as_bytes().into();
            (connection, Wire::Status(Status::Unsubscribed { channel }))
        });
        self.push_all(unsubscribed.collect());
        for other in 0..self.servers.len() {
            let view = view.clone();
            self.tell(other, move |server| {
                if server.view.epoch < view.epoch {
                    server.view = view;
                }
            });
        }
    }
}

impl Cluster {
    pub(crate) fn new(network: &Network, limits: Limits, settings: &Settings) -> Self {
        let (host, servers) = network.with(|state| (state.add_host(), state.servers.len()));
        let node = |server| Arc::new(Client::new(network, host, Some(server), limits));
        Self {
            network: network.clone(),
            limits,
            nodes: (0..servers).map(node).collect(),
            map: Mutex::default(),
            moves: Notify::new(),
            asked: AtomicUsize::new(0),
            pause: settings.backoff_min,
        }
    }

    pub(crate) fn another_instance(&self, settings: &Settings) -> Self {
        Self::new(&self.network, self.limits, settings)
    }

    pub(crate) fn store(&self) -> &Store {
        self.nodes[0].store()
    }

    #[expect(clippy::unused_self, reason = "as with Redis")]
    pub(crate) fn address(&self) -> String {
        "simulated".to_owned()
    }

    pub(crate) async fn may_have_moved(&self) {
        self.moves.notified().await;
    }

    pub(crate) fn known(&self) -> Option<Arc<SlotMap>> {
        self.map.lock().clone()
    }

    pub(crate) async fn map(&self) -> Result<Arc<SlotMap>, Cause> {
        match self.known() {
            Some(map) => Ok(map),
            None => self.refresh().await,
        }
    }

    /// Asks one server after the other, until one answers.
    pub(crate) async fn refresh(&self) -> Result<Arc<SlotMap>, Cause> {
        let first = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut failed = Cause::Unreachable("no node answers".into());
        for next in 0..self.nodes.len() {
            let node = &self.nodes[(first + next) % self.nodes.len()];
            match node.run(true, || Request::Slots).await {
                Ok((Reply::Slots(view), _)) => return Ok(self.learn(view)),
                Ok(_) => return Err(unexpected()),
                Err(cause) => failed = cause,
            }
        }
        Err(failed)
    }

    /// Of several views, the one with the greatest epoch counts.
    fn learn(&self, view: View) -> Arc<SlotMap> {
        let mut map = self.map.lock();
        if let Some(known) = &*map
            && known.view.epoch >= view.epoch
        {
            return Arc::clone(known);
        }
        let nodes = self.nodes.clone();
        Arc::clone(map.insert(Arc::new(SlotMap { view, nodes })))
    }

    #[expect(clippy::unused_self, reason = "as with Redis")]
    pub(crate) fn is_away(&self) -> bool {
        false
    }

    pub(crate) async fn ask(&self) -> Result<(), Cause> {
        self.refresh().await.map(drop)
    }

    pub(crate) async fn publish(
        &self,
        channel: &str,
        payload: &[u8],
        delete: &[String],
    ) -> Result<Published, Cause> {
        self.store().delete(delete);
        let mut map = self.map().await?;
        for attempt in 1.. {
            let node = map.primary(channel).ok_or_else(unexpected)?;
            let published = node.publish(channel, payload).await;
            match published {
                Err(Cause::Moved(_)) if attempt < ATTEMPTS => {}
                Err(cause) => {
                    self.moves.notify_one();
                    return Err(cause);
                }
                Ok(published) => return Ok(published),
            }
            self.moves.notify_one();
            let next = self.refresh().await?;
            if Arc::ptr_eq(&map, &next) {
                sleep(self.pause).await;
            }
            map = next;
        }
        Err(unexpected())
    }

    pub(crate) fn close(&self) {
        self.nodes.iter().for_each(|node| node.close());
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}
