//! The task that sends what an outbox keeps.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::{Either, join_all, select};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::fate::may_pass;
use super::pending::Event;
use super::shared::Shared;
use super::unsent::Unsent;
use crate::backoff::Backoff;
use crate::clock::Instant;
use crate::counters::count;
use crate::health::Health;
use crate::io_thread::sleep;
use crate::random;

/// How many events of a channel are sent at a time. After a failure, the others wait.
const AT_A_TIME: usize = 32;

/// Sends until the bus is closed. Then it sends what is left until the deadline.
pub(super) async fn run(outbox: Arc<Shared>) {
    {
        let work = pin!(go_on(&outbox));
        let deadline = pin!(deadline(&outbox));
        select(work, deadline).await;
    }
    let mut unsent = Unsent::default();
    let mut state = outbox.state.lock();
    state.pending.give_up(&mut unsent);
    for (channel, events) in unsent.counts() {
        state.given_up.add(channel, events);
    }
    let is_released = state.is_released;
    outbox.is_sending.send_replace(false);
    drop(state);
    if is_released {
        outbox.servers.close();
    }
    if !unsent.is_empty() {
        warn!("the bus was closed: {unsent}");
    }
}

/// Ends at the deadline, once there is one.
async fn deadline(outbox: &Shared) {
    let mut deadline = outbox.deadline.subscribe();
    loop {
        // Cannot fail, because the outbox holds the sender.
        let at = deadline.wait_for(Option::is_some).await;
        let Some(at) = at.ok().and_then(|at| *at) else {
            return;
        };
        // Closing a bus takes no time of a test.
        sleep(at.saturating_duration_since(Instant::now())).await;
        if *deadline.borrow() == Some(at) {
            return;
        }
    }
}

/// Ends when the bus is closed and everything was sent. Goes on after a panic, such as of what
/// receives the log.
async fn go_on(outbox: &Arc<Shared>) {
    loop {
        let mut work = Box::pin(work(outbox));
        let ended = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
            match polled {
                Ok(poll) => poll.map(|()| true),
                Err(_) => Poll::Ready(false),
            }
        });
        if ended.await {
            return;
        }
        outbox.state.lock().retry_at = Some(outbox.driver.instant() + outbox.backoff.0);
    }
}

/// Ends when the bus is closed and everything was sent.
async fn work(outbox: &Arc<Shared>) {
    let (first, longest) = outbox.backoff;
    let mut backoff = Backoff::new(first, longest, random::number());
    let mut health = outbox.health.watch();
    loop {
        let at = {
            let state = outbox.state.lock();
            // While the bus is being closed, nothing waits for its time.
            let next = state.pending.next();
            let now = || outbox.driver.instant();
            let next = next.map(|at| if state.is_closed { now() } else { at });
            if state.is_closed && next.is_none() {
                return;
            }
            next.max(next.and(state.retry_at))
        };
        match woken(outbox, &mut health, at).await {
            Woken::News => continue,
            Woken::Live => {
                backoff.reset();
                outbox.state.lock().retry_at = None;
                continue;
            }
            Woken::Time => {}
        }
        if send_due(outbox).await {
            backoff.reset();
        } else {
            let wait = backoff.next();
            outbox.state.lock().retry_at = Some(outbox.driver.instant() + wait);
        }
    }
}

enum Woken {
    News,
    /// The bus has become live.
    Live,
    Time,
}

async fn woken(
    outbox: &Shared,
    health: &mut watch::Receiver<Health>,
    at: Option<Instant>,
) -> Woken {
    let time = pin!(async {
        match at {
            Some(at) => {
                let left = at.saturating_duration_since(outbox.driver.instant());
                outbox.driver.sleep(left).await;
            }
            None => std::future::pending().await,
        }
    });
    let live = pin!(async {
        // Cannot fail, because the outbox holds the sender.
        while health.changed().await.is_ok() {
            if health.borrow_and_update().is_live() {
                return;
            }
        }
    });
    let news = pin!(outbox.news.notified());
    match select(select(news, live), time).await {
        Either::Left((Either::Left(_), _)) => Woken::News,
        Either::Left((Either::Right(_), _)) => Woken::Live,
        Either::Right(_) => Woken::Time,
    }
}

/// Sends every event whose time has come. Returns whether the server has taken them, or never will.
///
/// In a cluster, a node that does not answer holds up what becomes due for others meanwhile, and so does
/// the wait after it: together at most for as long as the settings let the next attempt take. That sends
/// all that is due by then.
async fn send_due(outbox: &Arc<Shared>) -> bool {
    let taken = {
        let mut state = outbox.state.lock();
        let now = (!state.is_closed).then(|| outbox.driver.instant());
        state.pending.take(now)
    };
    let channels = taken.into_iter().map(|due| {
        // What is not sent is put back. All have to be held from here on, for when this is dropped.
        let due = due.into_iter().map(|event| InFlight::new(outbox, event));
        send_in_turn(outbox, due.collect())
    });
    let sent = join_all(channels.collect::<Vec<_>>()).await;
    let all = sent.iter().all(|sent| *sent);
    if all {
        outbox.state.lock().stuck = None;
    }
    all
}

/// Sends the events of one channel. Another one may be on a server that does not answer.
async fn send_in_turn(outbox: &Shared, events: Vec<InFlight>) -> bool {
    let mut events = events.into_iter();
    loop {
        let some: Vec<_> = events.by_ref().take(AT_A_TIME).collect();
        if some.is_empty() {
            return true;
        }
        let sent = join_all(some.into_iter().map(|event| send(outbox, event))).await;
        if sent.contains(&false) {
            return false;
        }
    }
}

/// Sends an event. It needs no deletions in Redis: those of a cache here that are not done yet are
/// the cache's, and whoever receives the event deletes again. So does this instance, because it does
/// not take the event for one whose deletions are done.
async fn send(outbox: &Shared, in_flight: InFlight) -> bool {
    let Event { channel, payload } = in_flight.event.clone();
    let (name, counters) = (channel.name(), channel.counters());
    let published = outbox.servers.publish(name, &payload, &[]).await;
    match published.and_then(|published| published.receivers) {
        Ok(receivers) => {
            in_flight.done();
            count(&counters.resent);
            debug!(channel = %name, receivers, "deferred event published");
            true
        }
        Err(cause) if !may_pass(&cause) => {
            in_flight.done();
            count(&counters.given_up);
            let mut state = outbox.state.lock();
            if state.is_closed {
                state.given_up.add(name, 1);
            }
            drop(state);
            if let Some(skipped) = outbox.refusals.admit() {
                warn!(channel = %name, %cause, skipped, "deferred event given up");
            }
            true
        }
        Err(cause) => {
            let mut state = outbox.state.lock();
            let since = state.stuck.as_ref().map(|(since, _)| *since);
            state.stuck = Some((since.unwrap_or_else(|| outbox.driver.instant()), cause));
            false
        }
    }
}

/// An event that is being sent. It is put back when this is dropped before it is done.
struct InFlight {
    outbox: Arc<Shared>,
    event: Event,
    is_done: bool,
}

impl InFlight {
    fn new(outbox: &Arc<Shared>, event: Event) -> Self {
        Self {
            outbox: Arc::clone(outbox),
            event,
            is_done: false,
        }
    }

    fn done(mut self) {
        self.is_done = true;
        let mut state = self.outbox.state.lock();
        state.pending.done(self.event.channel.name());
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_done {
            let mut state = self.outbox.state.lock();
            let now = self.outbox.driver.instant();
            state.pending.put_back(self.event.clone(), now);
        }
    }
}
