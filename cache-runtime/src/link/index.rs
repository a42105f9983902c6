//! Which channels need something. With it, the cost of a step does not grow with the number of
//! channels that the step does not concern.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::time::Duration;

use super::digest::Digest;
use super::io::ChannelId;

/// What the index knows of a channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) standing: Standing,
    pub(super) command: Command,
    /// The first canary that proves its subscription.
    pub(super) unproven: Option<u64>,
    /// When something becomes due for it.
    pub(super) due: Option<Duration>,
}

impl Marks {
    pub(super) fn digest<H: Hasher>(self, digest: &mut Digest<'_, H>) {
        let Self {
            standing,
            command,
            unproven,
            due,
        } = self;
        digest.add((standing, command));
        digest.canary(unproven);
        digest.due(due);
    }
}

/// What a channel adds to the health of the link.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    #[default]
    Unwanted,
    Connecting,
    Live,
    Down,
}

/// The command of a channel that the server has not answered yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Command {
    #[default]
    None,
    /// A first subscription on this connection.
    Subscription,
    /// A subscription that was refused before, or the end of one.
    Other,
}

/// The channels by what they need. The canary channel counts in `unanswered`, `awaited`, `unproven`
/// and `due`, and not in the fields that make the health of the link.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Changed since they were settled.
    touched: Vec<ChannelId>,
    /// How many channels have subscribers.
    wanted: usize,
    /// How many channels have a command that the server has not answered.
    unanswered: usize,
    /// How many of these commands are first subscriptions.
    awaited: usize,
    /// By the first canary that proves the subscription.
    unproven: BTreeSet<(u64, ChannelId)>,
    /// By the time when something becomes due.
    due: BTreeSet<(Duration, ChannelId)>,
    /// The wanted channels that are down.
    down: BTreeSet<ChannelId>,
    /// How many wanted channels are neither down nor live.
    connecting: usize,
}

impl Index {
    /// Marks a channel as to be settled.
    pub(super) fn touch(&mut self, id: ChannelId) {
        self.touched.push(id);
    }

    /// The channels to settle, in their order, each once.
    pub(super) fn take_touched(&mut self) -> Vec<ChannelId> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Replaces the marks of a channel.
    pub(super) fn update(&mut self, id: ChannelId, before: Marks, after: Marks) {
        if before == after {
            return;
        }
        let user = id != ChannelId::CANARY;
        let count = |number: &mut usize, before: bool, after: bool| {
            *number = *number + usize::from(after) - usize::from(before);
        };
        let counted = |holds: fn(Marks) -> bool| (holds(before), holds(after));
        let (was, is) = counted(|marks| marks.command != Command::None);
        count(&mut self.unanswered, was, is);
        let (was, is) = counted(|marks| marks.command == Command::Subscription);
        count(&mut self.awaited, was, is);
        replace(&mut self.unproven, id, before.unproven, after.unproven);
        replace(&mut self.due, id, before.due, after.due);
        if user {
            let (was, is) = counted(|marks| marks.standing != Standing::Unwanted);
            count(&mut self.wanted, was, is);
            let (was, is) = counted(|marks| marks.standing == Standing::Connecting);
            count(&mut self.connecting, was, is);
            if after.standing == Standing::Down {
                self.down.insert(id);
            } else {
                self.down.remove(&id);
            }
        }
    }

    /// Removes a channel.
    pub(super) fn forget(&mut self, id: ChannelId, marks: Marks) {
        self.update(id, marks, Marks::default());
    }

    /// Touches the channels for which something is due.
    pub(super) fn touch_due(&mut self, now: Duration) {
        let due = self.due.iter().take_while(|(at, _)| *at <= now);
        self.touched.extend(due.map(|(_, id)| id));
    }

    /// Touches the channels whose subscription this canary proves, and returns them.
    pub(super) fn proven_by(&mut self, canary: u64) -> Vec<ChannelId> {
        let proven = self.unproven.range(..(canary + 1, ChannelId(0)));
        let proven: Vec<_> = proven.map(|(_, id)| *id).collect();
        self.touched.extend(&proven);
        proven
    }

    /// When something becomes due for the first channel.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether any channel has subscribers.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted > 0
    }

    /// Whether the server has not answered every command.
    pub(super) fn is_unanswered(&self) -> bool {
        self.unanswered > 0
    }

    /// Whether a subscription is unanswered that was not refused before.
    pub(super) fn is_awaiting(&self) -> bool {
        self.awaited > 0
    }

    /// Whether the next canary is the first that proves some subscription.
    pub(super) fn needs_canary(&self, next: u64) -> bool {
        self.unproven
            .last()
            .is_some_and(|(canary, _)| *canary == next)
    }

    /// The first wanted channel that is down.
    pub(super) fn first_down(&self) -> Option<ChannelId> {
        self.down.first().copied()
    }

    /// Whether a wanted channel is neither down nor live.
    pub(super) fn is_connecting(&self) -> bool {
        self.connecting > 0
    }

    pub(super) fn digest<H: Hasher>(&self, digest: &mut Digest<'_, H>) {
        let Self {
            touched,
            wanted,
            unanswered,
            awaited,
            unproven,
            due,
            down,
            connecting,
        } = self;
        digest.add((touched, wanted, unanswered, awaited, down, connecting));
        digest.add((unproven.len(), due.len()));
        for (canary, id) in unproven {
            digest.canary(Some(*canary));
            digest.add(id);
        }
        for (at, id) in due {
            digest.due(Some(*at));
            digest.add(id);
        }
    }
}

fn replace<K: Ord + Copy>(
    set: &mut BTreeSet<(K, ChannelId)>,
    id: ChannelId,
    before: Option<K>,
    after: Option<K>,
) {
    if before == after {
        return;
    }
    if let Some(before) = before {
        set.remove(&(before, id));
    }
    if let Some(after) = after {
        set.insert((after, id));
    }
}
