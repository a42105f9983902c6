//! Simulated processes, which can be stopped as by `SIGSTOP`.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::task::JoinHandle;

use crate::sync::Mutex;

thread_local! {
    /// The process whose task runs now.
    static CURRENT: RefCell<Option<Process>> = const { RefCell::new(None) };
}

/// A process. What its tasks spawn belongs to it too.
#[derive(Debug, Clone, Default)]
pub struct Process(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_stopped: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Process {
    /// A process that runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops it: none of its tasks runs until it goes on. Time passes meanwhile.
    pub fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.0.is_stopped.store(false, Ordering::Relaxed);
        let waiting = std::mem::take(&mut *self.0.waiting.lock());
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Spawns a task of the process.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(Within {
            process: Some(self.clone()),
            task: Box::pin(task),
        })
    }

    /// Whether it is stopped. If so, the task is woken when it goes on.
    fn is_stopped(&self, cx: &Context<'_>) -> bool {
        // All tasks of a simulation run on one thread.
        let is_stopped = self.0.is_stopped.load(Ordering::Relaxed);
        if is_stopped {
            self.0.waiting.lock().push(cx.waker().clone());
        }
        is_stopped
    }
}

/// Spawns a task of the process whose task runs now.
pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let process = CURRENT.with_borrow(Option::clone);
    match process {
        Some(process) => process.spawn(task),
        None => tokio::spawn(task),
    }
}

/// A task of a process.
struct Within<F> {
    /// `None` while the task runs: then it is the current one.
    process: Option<Process>,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let process = self.process.as_ref();
        if process.is_some_and(|process| process.is_stopped(cx)) {
            return Poll::Pending;
        }
        let before = CURRENT.replace(self.process.take());
        let polled = self.task.as_mut().poll(cx);
        self.process = CURRENT.replace(before);
        polled
    }
}
