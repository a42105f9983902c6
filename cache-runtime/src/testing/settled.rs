//! A barrier: everything that was published before is applied.

use crate::bus::{Bus, NotSettled};

/// Waits until everything that was published before this call, on any channel and by any instance, has been
/// applied on this bus:
///
/// - its caches have evicted, as [`Bus::settled`] says, which this waits for first, so that the caches of
///   all other instances have evicted too;
/// - its handlers have returned from the event, and their futures have ended. A handler that panics has
///   returned from the `All` that follows;
/// - its streams yield the event from now on, before they would wait.
///
/// It does not wait for what handlers start elsewhere, nor for the load of a
/// [`Snapshot`](crate::Snapshot): [`get_fresh`](crate::Snapshot::get_fresh) does. An event that is still in
/// an outbox has not been published yet. It waits for as long as a handler takes, so a handler must not
/// await it, nor what the test does only afterwards.
///
/// # Errors
///
/// As for [`Bus::settled`]: when the bus is not live, or is closed.
///
/// # Cancel safety
///
/// Safe: it only waits.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use cache_runtime::{Bus, InvalidationEvent, cache_invalidation, testing};
///
/// # #[derive(InvalidationEvent)]
/// # enum UserEvent { User { user_id: u64 }, All }
/// # #[cache_invalidation(channel = "cache:users-handled", event = UserEvent)]
/// # struct Users;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bus = Bus::in_process();
/// let users = Users::new(&bus);
/// let mails = Arc::new(AtomicU64::new(0));
/// let sent = Arc::clone(&mails);
/// let _handler = users.subscribe(move |_event| {
///     sent.fetch_add(1, Ordering::Relaxed);
/// });
///
/// users.invalidate_user(7).await?;
/// testing::settled(&bus).await?;
/// assert_eq!(mails.load(Ordering::Relaxed), 1);
/// # Ok(())
/// # }
/// ```
pub async fn settled(bus: &Bus) -> Result<(), NotSettled> {
    bus.settled().await?;
    loop {
        let channels = bus.shared().channels();
        let handlers = channels.iter().flat_map(|channel| channel.handlers());
        let mut all_have = true;
        for handled in handlers.collect::<Vec<_>>() {
            // A full queue and a handler that has panicked discard what is queued, and the question with it.
            all_have &= handled.await.is_ok();
        }
        if all_have {
            return Ok(());
        }
    }
}
