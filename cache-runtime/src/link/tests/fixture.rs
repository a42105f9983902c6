//! A link with its current time, and short names for its inputs and outputs.

use std::time::Duration;

use crate::health::{Cause, Health};
use crate::link::{Audience, ChannelId, FlushCause, Input, Link, Output, Side, Timings};
use crate::server_info::{Identity, Role, ServerInfo};

pub(super) const CANARY: ChannelId = ChannelId::CANARY;
pub(super) const A: ChannelId = ChannelId(1);
pub(super) const B: ChannelId = ChannelId(2);
pub(super) const C: ChannelId = ChannelId(3);

pub(super) const HEARTBEAT: u64 = 500;
pub(super) const LEASE: u64 = 2_000;
pub(super) const BACKOFF_MAX: u64 = 1_000;
pub(super) const INTERVAL: u64 = 1_000;

pub(super) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(super) fn timings() -> Timings {
    Timings {
        heartbeat: ms(HEARTBEAT),
        lease: ms(LEASE),
        backoff_min: ms(20),
        backoff_max: ms(BACKOFF_MAX),
        rejection_interval: ms(INTERVAL),
        seed: 1,
    }
}

/// A link, and the current time in milliseconds.
pub(super) struct At {
    pub(super) link: Link,
    pub(super) now: u64,
}

impl At {
    pub(super) fn start() -> Self {
        Self {
            link: Link::new(timings()),
            now: 0,
        }
    }

    /// Connected, with the subscriptions of the canary and of channel `A` sent and not answered.
    pub(super) fn subscribing() -> Self {
        let mut at = Self::start();
        at.feed(Input::Subscribe(A));
        at.feed(Input::Connected(primary()));
        at
    }

    /// With channel `A` live since time 0. The next canary has number 1.
    pub(super) fn live() -> Self {
        let mut at = Self::subscribing();
        at.feed(confirmed(CANARY));
        at.feed(confirmed(A));
        at.prove(0);
        assert_eq!(at.link.health(), &Health::Live);
        at
    }

    /// As [`live`](Self::live), after an overflow. Canary 1 is sent, and proves the subscription
    /// again.
    pub(super) fn overflowed() -> Self {
        let mut at = Self::live();
        at.feed(Input::Overflow);
        at
    }

    pub(super) fn feed(&mut self, input: Input) -> Vec<Output> {
        self.link.handle(ms(self.now), input);
        std::iter::from_fn(|| self.link.poll_output()).collect()
    }

    /// The canary comes back, and the server has said on both connections that it is a primary.
    pub(super) fn prove(&mut self, canary: u64) -> Vec<Output> {
        let mut outputs = self.feed(told(canary, Side::Commands, primary()));
        outputs.extend(self.feed(told(canary, Side::Events, primary())));
        outputs.extend(self.feed(Input::Canary(canary)));
        outputs
    }

    /// Whether a message would be delivered. It never leads to outputs.
    pub(super) fn accepts(&mut self, channel: ChannelId) -> bool {
        let accepts = self.link.accepts(channel);
        assert_eq!(self.link.poll_output(), None);
        accepts
    }

    pub(super) fn later(&mut self, milliseconds: u64) -> &mut Self {
        self.now += milliseconds;
        self
    }

    pub(super) fn tick_after(&mut self, milliseconds: u64) -> Vec<Output> {
        self.later(milliseconds).feed(Input::Tick)
    }

    pub(super) fn timeout(&self) -> Option<u64> {
        let at = self.link.timeout()?;
        Some(at.as_millis().try_into().unwrap())
    }

    /// Connects, confirms both subscriptions and returns the canary.
    pub(super) fn reconnect(&mut self, canary: u64) -> Vec<Output> {
        self.feed(Input::Connected(primary()));
        self.feed(confirmed(CANARY));
        self.feed(confirmed(A));
        self.prove(canary)
    }

    /// Ticks until the link opens a connection. Returns how long that took.
    pub(super) fn wait_for_connect(&mut self) -> Duration {
        let start = ms(self.now);
        for _ in 0..10 {
            let next = self.link.timeout().unwrap();
            self.link.handle(next, Input::Tick);
            let outputs: Vec<_> = std::iter::from_fn(|| self.link.poll_output()).collect();
            if outputs.contains(&Output::Connect) {
                self.now = next.as_millis().try_into().unwrap();
                return next.saturating_sub(start);
            }
        }
        panic!("no attempt to connect");
    }
}

pub(super) fn confirmed(channel: ChannelId) -> Input {
    Input::Confirmed {
        channel,
        gapless: false,
    }
}

pub(super) fn gapless(channel: ChannelId) -> Input {
    Input::Confirmed {
        channel,
        gapless: true,
    }
}

pub(super) fn told(canary: u64, side: Side, server: ServerInfo) -> Input {
    Input::Server {
        canary,
        side,
        connection: 1,
        server,
    }
}

pub(super) fn primary() -> ServerInfo {
    server(1)
}

/// A primary of this identity.
pub(super) fn server(identity: u64) -> ServerInfo {
    ServerInfo {
        role: Role::Primary,
        identity: Some(Identity(identity)),
    }
}

pub(super) fn refusal() -> Cause {
    Cause::Refused("no access".into())
}

pub(super) fn lease(until: u64) -> Output {
    Output::Lease { until: ms(until) }
}

pub(super) fn down(id: ChannelId, cause: Cause) -> Output {
    Output::ChannelHealth(id, Health::Down(cause))
}

pub(super) fn everyone(id: ChannelId) -> Output {
    Output::Flush(id, Audience::Everyone, FlushCause::Live)
}

pub(super) fn live(id: ChannelId) -> Output {
    Output::ChannelHealth(id, Health::Live)
}
