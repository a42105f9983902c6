//! The worlds that are explored.

use super::bounds::{Bounds, Fault};

const BASE: Bounds = Bounds {
    name: "",
    instances: 1,
    channels: 1,
    events: 1,
    in_flight: 3,
    heartbeat: 1,
    lease: 2,
    interval: 1,
    steps: None,
    ticks: None,
    strikes: None,
    faults: &[],
};

/// One instance with two channels. Together with `meeting.rs`, such a world tells of any number of instances.
const fn channels(name: &'static str, fault: &'static [Fault]) -> Bounds {
    Bounds {
        channels: 2,
        ..world(name, 1, fault)
    }
}

/// Two instances with two channels each, for some time.
const fn two_by_two(name: &'static str, ticks: u64, faults: &'static [Fault]) -> Bounds {
    Bounds {
        instances: 2,
        channels: 2,
        ticks: Some(ticks),
        ..world(name, 1, faults)
    }
}

const fn world(name: &'static str, in_flight: usize, faults: &'static [Fault]) -> Bounds {
    Bounds {
        name,
        in_flight,
        faults,
        ..BASE
    }
}

/// Few enough states for a debug build.
pub(super) const SMALL: &[Bounds] = &[
    world("late ticks", 3, &[Fault::LateTick]),
    world("slow answers", 1, &[Fault::SlowAnswers]),
    world("disconnects", 3, &[Fault::Disconnect]),
    // With a lease of two heartbeats, a missing canary would end the lease anyway.
    Bounds {
        lease: 3,
        ..world("losses", 1, &[Fault::Lose])
    },
    world("messages", 2, &[Fault::Overflow, Fault::Reject]),
    world("unanswered", 3, &[Fault::Unanswered]),
    world("refusals", 1, &[Fault::Refuse]),
    world("unsubscribed", 2, &[Fault::Unsubscribe]),
    world("failing canaries", 1, &[Fault::CanaryFails]),
    world("users", 3, &[Fault::Leave]),
    world("moved", 2, &[Fault::Move]),
    world("fail-over", 1, &[Fault::FailOver]),
    world("replaced", 2, &[Fault::Replace]),
    Bounds {
        channels: 2,
        ..world("channels", 2, &[])
    },
    Bounds {
        instances: 2,
        channels: 2,
        steps: Some(4),
        ..world("instances", 4, MOST_FAULTS)
    },
    // For longer than a lease.
    Bounds {
        in_flight: 2,
        ..two_by_two("two by two", 3, EVERY_ORDER)
    },
    Bounds {
        strikes: Some(1),
        ..two_by_two("two by two, one fault", 3, AT_ONCE)
    },
];

/// Nothing goes wrong, and nothing is at once.
const EVERY_ORDER: &[Fault] = &[Fault::LateTick, Fault::SlowUp, Fault::SlowAnswers];

/// Those of [`MOST_FAULTS`] with which the server takes commands and canaries at once.
const AT_ONCE: &[Fault] = &[
    Fault::Disconnect,
    Fault::Lose,
    Fault::Overflow,
    Fault::Reject,
    Fault::Unsubscribe,
    Fault::Unanswered,
    Fault::Replace,
];

/// Those that do not contradict each other, see [`Fault::Lose`] and [`Fault::Reopen`].
const MOST_FAULTS: &[Fault] = &[
    Fault::Disconnect,
    Fault::Lose,
    Fault::CanaryFails,
    Fault::Overflow,
    Fault::Reject,
    Fault::Refuse,
    Fault::Unsubscribe,
    Fault::Unanswered,
    Fault::Leave,
    Fault::Stray,
    Fault::Twice,
    Fault::FailOver,
    Fault::Replace,
    Fault::LateTick,
    Fault::SlowUp,
    Fault::SlowAnswers,
];

/// For a release build.
pub(super) const LARGE: &[Bounds] = &[
    world("late ticks", 4, &[Fault::LateTick, Fault::SlowAnswers]),
    world("slow commands", 3, &[Fault::SlowUp, Fault::SlowAnswers]),
    world("disconnects", 4, &[Fault::Disconnect, Fault::SlowAnswers]),
    Bounds {
        lease: 3,
        ..world("losses", 2, &[Fault::Lose, Fault::SlowAnswers])
    },
    world(
        "losses and overflows",
        3,
        &[Fault::Lose, Fault::Overflow, Fault::Disconnect],
    ),
    world(
        "messages",
        4,
        &[Fault::Overflow, Fault::Reject, Fault::Unanswered],
    ),
    world("refusals", 3, &[Fault::Refuse]),
    world("unsubscribed", 3, &[Fault::Unsubscribe, Fault::SlowAnswers]),
    world("failing canaries", 3, &[Fault::CanaryFails]),
    world("canaries twice", 3, &[Fault::Twice]),
    world("stray canaries", 2, &[Fault::Disconnect, Fault::Stray]),
    world("reopened", 3, &[Fault::Reopen, Fault::SlowAnswers]),
    world("users", 4, &[Fault::Leave, Fault::SlowAnswers]),
    world("moved", 3, &[Fault::Move, Fault::SlowAnswers]),
    world("fail-over", 3, &[Fault::FailOver, Fault::SlowAnswers]),
    world("replaced", 3, &[Fault::Replace, Fault::SlowAnswers]),
    Bounds {
        lease: 3,
        interval: 2,
        ..world("longer lease", 2, &[Fault::Lose, Fault::Reject])
    },
    Bounds {
        channels: 2,
        ..world("channels", 3, &[Fault::Lose])
    },
    Bounds {
        channels: 2,
        ..world("users of two channels", 2, &[Fault::Leave])
    },
    Bounds {
        events: 2,
        ..world("two events", 4, &[Fault::Lose, Fault::Reject])
    },
    Bounds {
        instances: 2,
        ..world("two instances", 1, &[])
    },
    Bounds {
        instances: 2,
        channels: 2,
        steps: Some(5),
        ..world("instances", 4, MOST_FAULTS)
    },
    channels("channels, disconnects", &[Fault::Disconnect]),
    channels("channels, failing canaries", &[Fault::CanaryFails]),
    channels("channels, overflows", &[Fault::Overflow]),
    channels("channels, rejected", &[Fault::Reject]),
    channels("channels, refusals", &[Fault::Refuse]),
    channels("channels, unsubscribed", &[Fault::Unsubscribe]),
    channels("channels, unanswered", &[Fault::Unanswered]),
    Bounds {
        strikes: Some(1),
        ..two_by_two("two by two, any fault", 2, ANY)
    },
];

/// All of [`MOST_FAULTS`] that are an event, and no habit of the world.
const ANY: &[Fault] = &[
    Fault::Disconnect,
    Fault::Lose,
    Fault::CanaryFails,
    Fault::Overflow,
    Fault::Reject,
    Fault::Refuse,
    Fault::Unsubscribe,
    Fault::Unanswered,
    Fault::Leave,
    Fault::Stray,
    Fault::Twice,
    Fault::FailOver,
    Fault::Replace,
];
