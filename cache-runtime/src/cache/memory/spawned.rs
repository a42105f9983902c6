//! Loads in tasks of their own, which go on without the caller that has begun them.

use std::hash::Hash;
use std::panic::resume_unwind;
use std::sync::Arc;

use equivalent::Equivalent;
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument;

use super::held::DetachedTurn;
use super::load::Storing;
use super::loads::Loads;
use super::nested::{self, Waits};
use super::patience::Patience;
use super::turn::{Arrived, Call, Caller, error_of, failed_with};
use crate::io_thread::{self, timeout};

/// What a caller panics with whose load cannot go on.
const ENDED: &str = "the runtime in which the load was spawned has ended, or there is none";

/// As [`Engine::load`], but the loader runs in a task. The caller waits for it, and is given the expired
/// entry if it takes long and the cache allows that.
///
/// # Panics
///
/// If the loader panics, or if there is no runtime for the task any more.
///
/// # Cancel safety
///
/// Dropped while it waits for the load of another caller, it leaves nothing behind. Its own load goes
/// on.
///
/// [`Engine::load`]: super::engine::Engine::load
pub(crate) async fn load<C, Q, L, F, E>(
    cache: &Arc<C>,
    key: &Q,
    loader: L,
) -> Result<C::Value, Arc<E>>
where
    C: Loads<Key: Clone, Value: 'static>,
    Q: Hash + Equivalent<C::Key> + ToOwned<Owned = C::Key> + ?Sized,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<C::Value, E>> + Send + 'static,
    E: Send + Sync + 'static,
{
    let engine = cache.engine();
    let storing = || Storing::when(cache.is_open());
    let stale_after = engine.options.stale_after.filter(|_| !cfg!(shuttle));
    let stale_at = stale_after.map(|limit| Instant::now() + limit);
    let mut call = Call::new(Caller::Reader, engine.options.load_wait);
    let arrived = engine.arrive(key, &storing, failed_with::<E>, &mut call);
    let turn = match arrived.await {
        Arrived::Value(value) => return Ok(value),
        Arrived::Failed(failure) => {
            return engine.failed(key, cache.is_open(), error_of(failure));
        }
        Arrived::Turn(taken) => taken.detach(),
    };
    let spawned = Spawned {
        cache: Arc::clone(cache),
        turn: Some(turn),
        patience: call.patience,
    };
    // Until this caller has its answer, or is dropped.
    let waits = Arc::new(Waits);
    let (polled, key_of_task) = (nested::polled(&waits), key.to_owned());
    let loading = async move {
        let loading = spawned.load(key_of_task, loader);
        nested::run(&polled, None, loading).await
    };
    let mut task = io_thread::spawn_here(loading.in_current_span()).expect(ENDED);
    if let Some(at) = stale_at {
        let left = at.saturating_duration_since(Instant::now());
        if let Ok(ended) = timeout(left, &mut task).await {
            return answer(ended);
        }
        if let Some(value) = engine.stale(key, &storing) {
            return Ok(value);
        }
    }
    answer(task.await)
}

fn answer<T>(ended: Result<Option<T>, JoinError>) -> T {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(answer) => answer.expect("it has no limit"),
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => panic!("{ENDED}"),
    }
}

/// A turn on its way into a task. Dropping it hands the turn over.
struct Spawned<C: Loads> {
    cache: Arc<C>,
    turn: Option<DetachedTurn<C::Key>>,
    patience: Patience,
}

impl<C: Loads<Key: Clone>> Spawned<C> {
    async fn load<L, F, E>(mut self, key: C::Key, loader: L) -> Result<C::Value, Arc<E>>
    where
        L: FnOnce() -> F,
        F: Future<Output = Result<C::Value, E>>,
        E: Send + Sync + 'static,
    {
        let turn = self.turn.take().expect("it is taken only here");
        let cache = Arc::clone(&self.cache);
        let (engine, is_open) = (cache.engine(), || cache.is_open());
        let turn = turn.attach(engine);
        match engine.begin(&key, turn, &mut self.patience).await {
            Some(lead) => {
                let limit = engine.limit::<E>();
                let loading = engine.lead(&key, lead, Caller::Reader, is_open, limit, loader);
                loading.await.answer()
            }
            None => engine.load(&key, is_open, loader).await,
        }
    }
}

impl<C: Loads> Drop for Spawned<C> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            drop(turn.attach(self.cache.engine()));
        }
    }
}
