//! A cluster: which node serves a slot. Each node is a [`Redis`] with connections of its own.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, Shared, join_all, try_join_all};
use redis::{AsyncConnectionConfig, FromRedisValue};
use tokio::sync::Notify;

use super::Redis;
use super::commands::Again;
use super::endpoint::Endpoint;
use super::newest::newest;
use super::request::Request;
use super::slot_map::SlotMap;
use super::slots::{View, checked, question};
use super::target::Target;
use crate::health::Cause;
use crate::io_thread::{self, timeout};
use crate::settings::Settings;
use crate::sync::Mutex;
use crate::transport::wire::Published;

/// How often a request is sent that finds its slot moved.
pub(super) const ATTEMPTS: u32 = 3;

/// A cluster, as one instance uses it.
pub(crate) struct Cluster {
    /// Nodes to begin with.
    seeds: Vec<Arc<Endpoint>>,
    settings: Settings,
    state: Mutex<State>,
    /// Told when slots may have moved.
    moves: Arc<Notify>,
}

#[derive(Default)]
struct State {
    map: Option<Arc<SlotMap>>,
    /// Of the view that the map was made of.
    epoch: u64,
    /// The search for the map in progress. All callers that wait for it get its result.
    search: Option<(u64, Search)>,
    searches: u64,
}

type Search = Shared<BoxFuture<'static, Result<Arc<SlotMap>, Cause>>>;

impl Cluster {
    pub(crate) fn new(targets: &[Target], settings: &Settings) -> Result<Self, Cause> {
        let seed = |target: &Target| Endpoint::new(target, settings, true).map(Arc::new);
        let seeds = targets.iter().map(seed).collect::<Result<_, _>>()?;
        Ok(Self::at(seeds, settings))
    }

    fn at(seeds: Vec<Arc<Endpoint>>, settings: &Settings) -> Self {
        Self {
            seeds,
            settings: settings.clone(),
            state: Mutex::default(),
            moves: Arc::default(),
        }
    }

    /// The same cluster, with connections of its own.
    pub(crate) fn another_instance(&self, settings: &Settings) -> Self {
        Self::at(self.seeds.clone(), settings)
    }

    /// The addresses of the seeds, without credentials.
    pub(crate) fn address(&self) -> String {
        let seeds = self.seeds.iter();
        let addresses: Vec<_> = seeds.map(|seed| &*seed.failures.address).collect();
        addresses.join(",")
    }

    /// Waits until slots may have moved.
    pub(crate) async fn may_have_moved(&self) {
        self.moves.notified().await;
    }

    /// The map, if it is known.
    pub(crate) fn known(&self) -> Option<Arc<SlotMap>> {
        self.state.lock().map.clone()
    }

    /// The map. It is asked for if it is not known.
    pub(crate) async fn map(self: &Arc<Self>) -> Result<Arc<SlotMap>, Cause> {
        match self.known() {
            Some(map) => Ok(map),
            None => self.refresh().await,
        }
    }

    /// Asks for the map. It stays the same object if nothing has changed.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<Arc<SlotMap>, Cause> {
        let search = {
            let mut state = self.state.lock();
            match &state.search {
                Some((_, search)) => search.clone(),
                None => self.search(&mut state)?,
            }
        };
        search.await
    }

    fn search(self: &Arc<Self>, state: &mut State) -> Result<Search, Cause> {
        state.searches += 1;
        let number = state.searches;
        let cluster = Arc::clone(self);
        let (map, epoch, searching) = (state.map.clone(), state.epoch, Arc::clone(self));
        // On the thread for I/O, because connections are opened there.
        let handle = io_thread::handle().map_err(Cause::Unreachable)?;
        let task = handle.spawn(async move {
            let found = searching.find(map.as_deref(), epoch, number).await;
            searching.found(number, map, found)
        });
        let search = async move {
            let ended = task.await;
            // If the task panicked, the search has to end here.
            ended.unwrap_or_else(|_| cluster.found(number, None, Err(Cause::Stopped)))
        };
        let search = search.boxed().shared();
        state.search = Some((number, search.clone()));
        Ok(search)
    }

    fn found(
        &self,
        number: u64,
        old: Option<Arc<SlotMap>>,
        found: Result<View, Cause>,
    ) -> Result<Arc<SlotMap>, Cause> {
        let mapped = found.and_then(|view| {
            let map = SlotMap::new(&view, old, |range| self.node(&range.host, range.port));
            let unserved = || {
                let what = format!("{}: no node serves a slot", self.address());
                Cause::Server(what.into())
            };
            Ok((map.ok_or_else(unserved)?, view.epoch))
        });
        let mut state = self.state.lock();
        state.search.take_if(|(search, _)| *search == number);
        let (map, epoch) = mapped?;
        (state.map, state.epoch) = (Some(Arc::clone(&map)), epoch);
        Ok(map)
    }

    /// The newest view of the present primaries, or else of the seeds.
    async fn find(&self, map: Option<&SlotMap>, epoch: u64, number: u64) -> Result<View, Cause> {
        let mut nodes: Vec<_> = map.into_iter().flat_map(SlotMap::nodes).collect();
        if !nodes.is_empty() {
            let first = usize::try_from(number).unwrap_or(0) % nodes.len();
            nodes.rotate_left(first);
            // Those with a connection first.
            nodes.sort_by_key(|redis| !redis.is_used());
        }
        let views = nodes.into_iter().map(|redis| redis.view().boxed());
        let seeds = self.seeds.iter().map(|seed| ask_seed(seed).boxed());
        newest(views.chain(seeds), epoch).await
    }

    fn node(&self, host: &str, port: u16) -> Arc<Redis> {
        let endpoint = self.seeds[0].node(host, port, &self.moves);
        Redis::at(endpoint, &self.settings)
    }

    /// Whether the last attempts to use a node have failed.
    pub(crate) fn is_away(&self) -> bool {
        let map = self.known();
        map.is_some_and(|map| map.nodes().any(|redis| redis.is_away()))
    }

    /// Asks every primary whether it can be used.
    pub(crate) async fn ask(self: &Arc<Self>) -> Result<(), Cause> {
        let map = self.refresh().await?;
        try_join_all(map.nodes().map(|redis| redis.ask()))
            .await
            .map(drop)
    }

    /// Deletes keys and then publishes a payload. What is on the node of the channel takes one round
    /// trip; keys on other nodes are deleted before.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        channel: &str,
        payload: &[u8],
        delete: &[String],
    ) -> Result<Published, Cause> {
        let mut map = self.map().await?;
        for _ in 1..ATTEMPTS {
            let published = publish_on(&map, channel, payload, delete).await;
            // All of it is sent again. Events are idempotent, and deleting twice costs a load.
            let again = match &published {
                Ok(Published { receivers, deleted }) => {
                    is_elsewhere(receivers) || is_elsewhere(deleted)
                }
                Err(_) => is_elsewhere(&published),
            };
            if !again {
                if let Ok(Published { receivers, .. }) = &published {
                    self.notice(receivers);
                }
                self.notice(&published);
                return published;
            }
            map = self.follow(&map).await?;
        }
        publish_on(&map, channel, payload, delete).await
    }

    /// Sends a request to the node of its key.
    pub(super) async fn request<T: FromRedisValue>(
        self: &Arc<Self>,
        request: &Request<'_>,
        again: Again,
        key: &str,
    ) -> Result<T, Cause> {
        let mut map = self.map().await?;
        for _ in 1..ATTEMPTS {
            let answer = match map.find(key) {
                Ok(redis) => redis.request(request, again, key).await,
                Err(cause) => Err(cause),
            };
            if !is_elsewhere(&answer) {
                self.notice(&answer);
                return answer;
            }
            map = self.follow(&map).await?;
        }
        map.find(key)?.request(request, again, key).await
    }

    /// As [`Redis::request_in_epoch`], on the node of the generation.
    pub(super) async fn request_in_epoch<T: FromRedisValue>(
        self: &Arc<Self>,
        generation: &str,
        request: &Request<'_>,
        again: Again,
        key: &str,
    ) -> Result<(T, String), Cause> {
        let mut map = self.map().await?;
        for _ in 1..ATTEMPTS {
            let answer = match map.find(generation) {
                Ok(redis) => {
                    redis
                        .request_in_epoch(generation, request, again, key)
                        .await
                }
                Err(cause) => Err(cause),
            };
            if !is_elsewhere(&answer) {
                self.notice(&answer);
                return answer;
            }
            map = self.follow(&map).await?;
        }
        let redis = map.find(generation)?;
        redis
            .request_in_epoch(generation, request, again, key)
            .await
    }

    /// Asks for the map in the background if a node cannot be used, because another may take over.
    pub(super) fn notice<T>(self: &Arc<Self>, answer: &Result<T, Cause>) {
        let unusable = |cause: &Cause| {
            !matches!(
                cause,
                Cause::Refused(_) | Cause::Credentials(_) | Cause::Closed
            )
        };
        if answer.as_ref().err().is_some_and(unusable) {
            self.moves.notify_one();
            let mut state = self.state.lock();
            if state.search.is_none() {
                drop(self.search(&mut state));
            }
        }
    }

    /// The present map, after a node has answered that a slot has moved since `old`.
    pub(super) async fn follow(
        self: &Arc<Self>,
        old: &Arc<SlotMap>,
    ) -> Result<Arc<SlotMap>, Cause> {
        self.moves.notify_one();
        let map = self.refresh().await?;
        if Arc::ptr_eq(&map, old) {
            // The nodes that were asked have not heard of it yet, or the slot is being moved.
            io_thread::sleep(self.settings.backoff_min).await;
        }
        Ok(map)
    }

    /// Ends the connections of all nodes.
    pub(crate) fn close(&self) {
        let map = self.known();
        map.iter()
            .flat_map(|map| map.nodes())
            .for_each(|redis| redis.close());
    }
}

/// Whether another node may serve the slot by now.
pub(super) fn is_elsewhere<T>(answer: &Result<T, Cause>) -> bool {
    matches!(answer, Err(Cause::Moved(_) | Cause::Unserved(_)))
}

async fn publish_on(
    map: &SlotMap,
    channel: &str,
    payload: &[u8],
    delete: &[String],
) -> Result<Published, Cause> {
    let here = map.find(channel)?;
    let (mut keys, mut elsewhere) = (Vec::new(), Vec::<(&Arc<Redis>, Vec<String>)>::new());
    // The event is sent even if no node serves the slot of a key.
    let mut unserved = Ok(());
    for key in delete {
        let node = match map.find(key) {
            Ok(node) => node,
            Err(cause) => {
                unserved = Err(cause);
                continue;
            }
        };
        if Arc::ptr_eq(node, here) {
            keys.push(key.clone());
            continue;
        }
        match elsewhere
            .iter_mut()
            .find(|(other, _)| Arc::ptr_eq(node, other))
        {
            Some((_, keys)) => keys.push(key.clone()),
            None => elsewhere.push((node, vec![key.clone()])),
        }
    }
    let deletions = elsewhere.iter().map(|(node, keys)| node.delete(keys));
    let deleted: Result<(), Cause> = join_all(deletions).await.into_iter().collect();
    let published = here.publish(channel, payload, &keys).await?;
    Ok(Published {
        deleted: unserved.and(deleted).and(published.deleted),
        ..published
    })
}

/// Asks a seed, which may be a replica, on a connection for this question only.
async fn ask_seed(seed: &Endpoint) -> Result<View, Cause> {
    let config = AsyncConnectionConfig::new();
    let mut opened = seed.reach("slots", config).await?;
    let asking = async {
        question()
            .query_async(&mut opened.connection)
            .await
            .and_then(checked)
    };
    match timeout(seed.response_timeout, asking).await {
        Ok(answers) => {
            let answers = answers.map_err(|error| seed.failures.cause(&error))?;
            Ok(View::parse(answers, seed.host()))
        }
        Err(_) => Err(seed
            .failures
            .timeout("asking for the slots", seed.response_timeout)),
    }
}
