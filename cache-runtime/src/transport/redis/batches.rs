//! Publications of many callers in one round trip, with one question behind them.
//!
//! The question whether the server still is a primary costs the server as much as a publication. It
//! answers for all that precede it on its connection. Only within one pipeline is it certain what
//! precedes it: the client does not tell in which order it sends the requests of several callers.
//!
//! A publication is sent at once if few others are in progress. Otherwise it waits until there is room
//! for another batch, and leaves with all that wait. A task in the runtime of the connection sends the
//! batches, because a caller may be dropped, or may not be polled for a while.

use std::io::{self, ErrorKind::BrokenPipe};
use std::mem::take;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::future::poll_fn;
use futures_util::stream::FuturesUnordered;
use redis::{Arg, Cmd, RedisResult};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::failure::Failures;
use super::primary_check::{Answered, Asker};

/// So many publications of a connection at a time are sent alone, and at once.
const ALONE: usize = 2;
/// The most batches of a connection that are on their way.
const BATCHES: usize = 4;
/// The most publications in a batch.
const MOST: usize = 64;
/// The most publications that wait for a batch. Further ones are sent alone.
const QUEUED: usize = 1024;
/// Longer ones, in bytes, are sent alone, because all of a batch wait for its last answer.
const LONG: usize = 4096;

/// The publications on one connection.
pub(super) struct Batches {
    /// Sends what is in no batch.
    pub(super) asker: Asker,
    /// The runtime that drives the connection.
    runtime: Handle,
    in_progress: AtomicUsize,
    /// Leads to the task that sends batches. The task starts when it is needed.
    /// Nothing waits for room in its queue, because a caller that is not polled would keep its room.
    queue: OnceLock<(mpsc::Sender<Publication>, AbortOnDropHandle<()>)>,
}

struct Publication {
    commands: Vec<Cmd>,
    answer: oneshot::Sender<RedisResult<Answered>>,
}

impl Batches {
    /// For a connection that the present runtime drives.
    pub(super) fn new(asker: Asker) -> Self {
        Self {
            asker,
            runtime: Handle::current(),
            in_progress: AtomicUsize::new(0),
            queue: OnceLock::new(),
        }
    }

    /// Sends the commands of a publication, and asks behind them.
    ///
    /// # Errors
    ///
    /// When the connection ends before everything is answered. The caller limits how long that may take.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have published or not.
    pub(super) async fn publish(
        &self,
        commands: Vec<Cmd>,
        failures: &Failures,
    ) -> RedisResult<Answered> {
        let others = self.in_progress.fetch_add(1, Ordering::Relaxed);
        let _in_progress = InProgress(&self.in_progress);
        if others < ALONE || is_long(&commands) {
            return self.asker.send(commands, failures).await;
        }
        let (queue, _) = self.queue.get_or_init(|| {
            let (queue, publications) = mpsc::channel(QUEUED);
            let sending = send_all(publications, self.asker.clone(), failures.clone());
            (queue, AbortOnDropHandle::new(self.runtime.spawn(sending)))
        });
        let (answer, answered) = oneshot::channel();
        // The task may have ended with its runtime.
        let ended = || io::Error::from(BrokenPipe);
        let publication = Publication { commands, answer };
        match queue.try_send(publication) {
            Ok(()) => answered.await.map_err(|_| ended())?,
            Err(TrySendError::Full(publication)) => {
                self.asker.send(publication.commands, failures).await
            }
            Err(TrySendError::Closed(_)) => Err(ended().into()),
        }
    }
}

fn is_long(commands: &[Cmd]) -> bool {
    let arguments = commands.iter().flat_map(Cmd::args_iter);
    let lengths = arguments.map(|argument| match argument {
        Arg::Simple(bytes) => bytes.len(),
        _ => 0,
    });
    lengths.sum::<usize>() > LONG
}

/// Counts a publication until this is dropped.
struct InProgress<'a>(&'a AtomicUsize);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends what comes into the queue.
async fn send_all(mut queue: mpsc::Receiver<Publication>, asker: Asker, failures: Failures) {
    let (mut batch, mut on_their_way) = (Vec::new(), FuturesUnordered::new());
    let send_some = |context: &mut Context<'_>| {
        loop {
            while let Poll::Ready(Some(())) = on_their_way.poll_next_unpin(context) {}
            if on_their_way.len() >= BATCHES {
                return Poll::Pending;
            }
            match queue.poll_recv_many(context, &mut batch, MOST) {
                Poll::Ready(0) => return Poll::Ready(()),
                Poll::Ready(_) => on_their_way.push(send(take(&mut batch), &asker, &failures)),
                Poll::Pending => return Poll::Pending,
            }
        }
    };
    poll_fn(send_some).await;
}

/// Sends a batch, and tells each caller its part of the answers.
async fn send(mut batch: Vec<Publication>, asker: &Asker, failures: &Failures) {
    batch.retain(|publication| !publication.answer.is_closed());
    if batch.is_empty() {
        return;
    }
    let commands = batch
        .iter_mut()
        .map(|publication| take(&mut publication.commands));
    let commands: Vec<_> = commands.collect();
    let lengths: Vec<_> = commands.iter().map(Vec::len).collect();
    let sent = asker.send(commands.into_iter().flatten(), failures).await;
    let mut answers = sent.map(|sent| (sent.answers.into_iter(), sent.check));
    for (publication, length) in batch.into_iter().zip(lengths) {
        let answered = match &mut answers {
            Ok((answers, check)) => Ok(Answered {
                answers: answers.take(length).collect(),
                check: check.clone(),
            }),
            Err(error) => Err(error.clone()),
        };
        // A caller may have gone.
        let _ = publication.answer.send(answered);
    }
}
