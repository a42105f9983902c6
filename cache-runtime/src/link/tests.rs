//! The rules of the protocol, one test each. The simulator (`tests/sim`) tries their combinations.

use super::*;

const CANARY: ChannelId = ChannelId::CANARY;
const A: ChannelId = ChannelId(1);
const B: ChannelId = ChannelId(2);

const HEARTBEAT: u64 = 500;
const LEASE: u64 = 2_000;
const BACKOFF_MAX: u64 = 1_000;
const INTERVAL: u64 = 1_000;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn settings() -> Timings {
    Timings {
        heartbeat: ms(HEARTBEAT),
        lease: ms(LEASE),
        backoff_min: ms(20),
        backoff_max: ms(BACKOFF_MAX),
        rejection_interval: ms(INTERVAL),
        seed: 1,
    }
}

/// A link at a time, in milliseconds.
struct At {
    link: Link,
    now: u64,
}

impl At {
    fn start() -> Self {
        Self {
            link: Link::new(settings()),
            now: 0,
        }
    }

    /// Connected, with both subscriptions of a first channel on their way.
    fn subscribing() -> Self {
        let mut at = Self::start();
        at.feed(Input::Subscribe(A));
        at.feed(Input::Connected);
        at
    }

    /// With a channel that is live since time 0; the next canary has number 1.
    fn live() -> Self {
        let mut at = Self::subscribing();
        at.feed(confirmed(CANARY));
        at.feed(confirmed(A));
        at.feed(Input::Canary(0));
        assert_eq!(at.link.health(), &Health::Live);
        at
    }

    /// As [`live`](Self::live), after a loss that left the connection and needs canary 1.
    fn overflowed() -> Self {
        let mut at = Self::live();
        at.feed(Input::Overflow);
        at
    }

    fn feed(&mut self, input: Input) -> Vec<Output> {
        self.link.handle(ms(self.now), input);
        std::iter::from_fn(|| self.link.poll_output()).collect()
    }

    fn later(&mut self, milliseconds: u64) -> &mut Self {
        self.now += milliseconds;
        self
    }

    fn tick_after(&mut self, milliseconds: u64) -> Vec<Output> {
        self.later(milliseconds).feed(Input::Tick)
    }

    fn timeout(&self) -> Option<u64> {
        let at = self.link.timeout()?;
        Some(at.as_millis().try_into().unwrap())
    }

    /// Confirms the two subscriptions and has the canary come back.
    fn reconnect(&mut self, canary: u64) -> Vec<Output> {
        self.feed(Input::Connected);
        self.feed(confirmed(CANARY));
        self.feed(confirmed(A));
        self.feed(Input::Canary(canary))
    }

    /// Ticks until the link opens a connection; the wait.
    fn wait_for_connect(&mut self) -> Duration {
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

fn confirmed(channel: ChannelId) -> Input {
    Input::Confirmed {
        channel,
        gapless: false,
    }
}

fn gapless(channel: ChannelId) -> Input {
    Input::Confirmed {
        channel,
        gapless: true,
    }
}

fn refusal() -> Cause {
    Cause::Refused("no access".into())
}

fn lease(until: u64) -> Output {
    Output::Lease { until: ms(until) }
}

fn down(id: ChannelId, cause: Cause) -> Output {
    Output::ChannelHealth(id, Health::Down(cause))
}

fn everyone(id: ChannelId) -> Output {
    Output::Stale(id, Audience::Everyone)
}

fn live(id: ChannelId) -> Output {
    Output::ChannelHealth(id, Health::Live)
}

mod getting_live {
    use super::*;

    #[test]
    fn the_first_subscription_opens_the_connection() {
        let mut at = At::start();
        assert_eq!(at.timeout(), None);
        assert_eq!(
            at.feed(Input::Subscribe(A)),
            [
                Output::ChannelHealth(A, Health::Connecting),
                Output::Connect,
                Output::LinkHealth(Health::Connecting)
            ]
        );
    }

    #[test]
    fn a_connection_subscribes_the_canary_and_everything_wanted() {
        let mut at = At::start();
        at.feed(Input::Subscribe(A));
        at.feed(Input::Subscribe(B));
        assert_eq!(
            at.feed(Input::Connected),
            [CANARY, A, B].map(Output::Subscribe)
        );
    }

    #[test]
    fn the_canary_waits_for_all_confirmations() {
        let mut at = At::start();
        at.feed(Input::Subscribe(A));
        at.feed(Input::Subscribe(B));
        at.feed(Input::Connected);
        assert_eq!(at.feed(confirmed(B)), []);
        assert_eq!(at.feed(confirmed(CANARY)), []);
        assert_eq!(at.feed(confirmed(A)), [Output::SendCanary(0)]);
    }

    #[test]
    fn a_channel_is_live_when_the_canary_is_back_and_everyone_was_told_once() {
        let mut at = At::subscribing();
        at.feed(confirmed(CANARY));
        at.feed(confirmed(A));
        assert_eq!(at.link.health(), &Health::Connecting);
        assert_eq!(
            at.later(3).feed(Input::Canary(0)),
            [
                lease(LEASE),
                everyone(A),
                live(A),
                Output::LinkHealth(Health::Live)
            ]
        );
    }

    #[test]
    fn messages_are_delivered_while_subscribed() {
        let mut at = At::subscribing();
        assert_eq!(at.feed(Input::Message(A)), []);
        at.feed(confirmed(A));
        assert_eq!(at.feed(Input::Message(A)), [Output::Deliver(A)]);
        assert_eq!(at.feed(Input::Message(B)), []);
    }

    #[test]
    fn a_confirmation_may_take_longer_than_a_lease() {
        let mut at = At::subscribing();
        at.feed(confirmed(CANARY));
        assert_eq!(
            at.later(LEASE + 1).feed(confirmed(A)),
            [Output::SendCanary(0)]
        );
    }

    #[test]
    fn a_channel_that_comes_later_leaves_the_others_live() {
        let mut at = At::live();
        assert_eq!(
            at.feed(Input::Subscribe(B)),
            [
                Output::ChannelHealth(B, Health::Connecting),
                Output::Subscribe(B),
                Output::LinkHealth(Health::Connecting)
            ]
        );
        assert_eq!(at.feed(confirmed(B)), [Output::SendCanary(1)]);
        assert_eq!(
            at.later(1).feed(Input::Canary(1)),
            [
                lease(LEASE),
                everyone(B),
                live(B),
                Output::LinkHealth(Health::Live)
            ]
        );
    }
}

mod gapless_subscriptions {
    use super::*;

    fn subscribing() -> At {
        let mut at = At::subscribing();
        at.feed(gapless(CANARY));
        at
    }

    #[test]
    fn nobody_is_told_anything_before_the_first_live() {
        let mut at = subscribing();
        at.feed(gapless(A));
        let outputs = at.feed(Input::Canary(0));
        assert_eq!(
            outputs,
            [lease(LEASE), live(A), Output::LinkHealth(Health::Live)]
        );
    }

    #[test]
    fn a_message_that_came_before_is_a_gap() {
        let mut at = subscribing();
        at.feed(Input::Message(A));
        at.feed(gapless(A));
        assert!(at.feed(Input::Canary(0)).contains(&everyone(A)));
    }

    #[test]
    fn a_loss_before_is_a_gap() {
        let mut at = subscribing();
        at.feed(Input::Overflow);
        at.feed(gapless(A));
        assert!(at.feed(Input::Canary(0)).contains(&everyone(A)));
    }

    #[test]
    fn a_loss_after_is_told_and_ends() {
        let mut at = subscribing();
        at.feed(gapless(A));
        at.feed(Input::Canary(0));
        at.feed(Input::Overflow);
        assert!(at.feed(Input::Canary(1)).contains(&everyone(A)));
        // The link's own channel owes nothing to anybody.
        at.tick_after(HEARTBEAT);
        assert!(at.timeout() > Some(at.now));
    }
}

mod losses {
    use super::*;

    #[test]
    fn health_is_told_first_and_inline_subscribers_second() {
        let mut at = At::live();
        assert_eq!(
            at.feed(Input::Disconnected(Cause::Disconnected)),
            [
                Output::Disconnect,
                down(A, Cause::Disconnected),
                Output::Stale(A, Audience::Inline),
                Output::LinkHealth(Health::Down(Cause::Disconnected))
            ]
        );
    }

    #[test]
    fn a_short_one_is_told_to_handlers_once_and_just_before_live() {
        let mut at = At::live();
        at.feed(Input::Disconnected(Cause::Disconnected));
        let wait = at.wait_for_connect();
        assert!(wait <= ms(20));
        assert_eq!(
            at.reconnect(1),
            [
                lease(at.now + LEASE),
                everyone(A),
                live(A),
                Output::LinkHealth(Health::Live)
            ]
        );
    }

    #[test]
    fn a_long_one_is_told_to_handlers_after_a_lease_as_well() {
        let mut at = At::live();
        at.feed(Input::Disconnected(Cause::Disconnected));
        at.tick_after(20);
        assert_eq!(at.timeout(), Some(LEASE));
        assert_eq!(
            at.tick_after(LEASE - 20),
            [Output::Stale(A, Audience::Handlers)]
        );
        assert_eq!(at.timeout(), None);
        assert!(at.reconnect(1).contains(&everyone(A)));
    }

    #[test]
    fn one_on_top_of_another_changes_the_cause_only() {
        let mut at = At::overflowed();
        let refused = Cause::Unreachable("closed".into());
        assert_eq!(
            at.feed(Input::Disconnected(refused.clone())),
            [
                Output::Disconnect,
                down(A, refused.clone()),
                Output::LinkHealth(Health::Down(refused))
            ]
        );
    }

    #[test]
    fn an_unrequested_unsubscription_ends_the_connection() {
        for id in [A, CANARY] {
            let mut at = At::live();
            let outputs = at.feed(Input::Unsubscribed(id));
            assert_eq!(outputs[0], Output::Disconnect);
            assert_eq!(outputs[1], down(A, Cause::Unsubscribed));
        }
    }

    #[test]
    fn an_overflow_keeps_the_subscriptions_but_needs_another_canary() {
        let mut at = At::live();
        assert_eq!(
            at.feed(Input::Overflow),
            [
                down(A, Cause::Overflow),
                Output::Stale(A, Audience::Inline),
                Output::SendCanary(1),
                Output::LinkHealth(Health::Down(Cause::Overflow))
            ]
        );
        assert_eq!(at.feed(Input::Message(A)), [Output::Deliver(A)]);
        assert_eq!(
            at.feed(Input::Canary(1)),
            [
                lease(LEASE),
                everyone(A),
                live(A),
                Output::LinkHealth(Health::Live)
            ]
        );
    }

    #[test]
    fn a_canary_on_its_way_does_not_prove_what_comes_after_an_overflow() {
        let mut at = At::live();
        assert_eq!(at.tick_after(HEARTBEAT), [Output::SendCanary(1)]);
        at.feed(Input::Overflow);
        assert_eq!(at.feed(Input::Canary(1)), [lease(HEARTBEAT + LEASE)]);
        assert!(at.feed(Input::Canary(2)).contains(&live(A)));
    }
}

mod canaries {
    use super::*;

    #[test]
    fn one_a_heartbeat() {
        let mut at = At::live();
        assert_eq!(at.timeout(), Some(HEARTBEAT));
        assert_eq!(at.tick_after(HEARTBEAT - 1), []);
        assert_eq!(at.tick_after(1), [Output::SendCanary(1)]);
        assert_eq!(at.timeout(), Some(2 * HEARTBEAT));
    }

    #[test]
    fn the_lease_counts_from_when_it_was_sent() {
        let mut at = At::live();
        at.tick_after(HEARTBEAT);
        assert_eq!(
            at.later(300).feed(Input::Canary(1)),
            [lease(HEARTBEAT + LEASE)]
        );
    }

    #[test]
    fn without_one_the_lease_ends_the_connection() {
        let mut at = At::live();
        for _ in 0..3 {
            at.tick_after(HEARTBEAT);
        }
        assert_eq!(at.timeout(), Some(LEASE));
        let outputs = at.tick_after(HEARTBEAT);
        assert_eq!(
            outputs[..3],
            [
                Output::Disconnect,
                down(A, Cause::LeaseExpired),
                Output::Stale(A, Audience::Inline)
            ]
        );
    }

    #[test]
    fn what_kept_it_from_being_sent_is_the_cause() {
        let mut at = At::live();
        assert_eq!(at.feed(Input::CanaryFailed(refusal())), []);
        let outputs = at.tick_after(LEASE);
        assert_eq!(outputs[1], down(A, refusal()));
    }

    #[test]
    fn a_connection_on_which_none_ever_comes_back_ends_however_many_are_sent() {
        let many = Timings {
            lease: 100 * settings().heartbeat,
            ..settings()
        };
        let mut at = At {
            link: Link::new(many),
            now: 0,
        };
        at.feed(Input::Subscribe(A));
        at.feed(Input::Connected);
        at.feed(confirmed(CANARY));
        at.feed(confirmed(A));
        for _ in 1..100 {
            assert!(matches!(
                at.tick_after(HEARTBEAT)[..],
                [Output::SendCanary(_)]
            ));
        }
        assert_eq!(at.tick_after(HEARTBEAT)[0], Output::Disconnect);
    }

    #[test]
    fn a_late_one_proves_nothing() {
        let mut at = At::subscribing();
        at.feed(confirmed(CANARY));
        at.feed(confirmed(A));
        let outputs = at.later(LEASE).feed(Input::Canary(0));
        assert_eq!(outputs[0], Output::Disconnect);
        assert!(!outputs.contains(&live(A)));
    }

    #[test]
    fn one_of_an_earlier_connection_proves_nothing() {
        let mut at = At::live();
        at.tick_after(HEARTBEAT);
        at.feed(Input::Disconnected(Cause::Disconnected));
        at.wait_for_connect();
        assert_eq!(at.reconnect(1), []);
        assert!(at.feed(Input::Canary(2)).contains(&live(A)));
    }

    #[test]
    fn a_later_one_proves_what_an_earlier_one_would() {
        let mut at = At::overflowed();
        at.tick_after(HEARTBEAT);
        assert!(at.feed(Input::Canary(2)).contains(&live(A)));
        assert_eq!(at.feed(Input::Canary(1)), []);
        assert_eq!(at.feed(Input::Canary(2)), []);
    }
}

mod refusals {
    use super::*;

    #[test]
    fn a_refused_channel_does_not_hold_up_the_others() {
        let mut at = At::subscribing();
        at.feed(Input::Subscribe(B));
        at.feed(confirmed(CANARY));
        at.feed(confirmed(A));
        assert_eq!(
            at.feed(Input::Refused(B, refusal())),
            [
                Output::SendCanary(0),
                down(B, refusal()),
                Output::LinkHealth(Health::Down(refusal()))
            ]
        );
        assert!(at.feed(Input::Canary(0)).contains(&live(A)));
    }

    #[test]
    fn a_refused_channel_is_tried_again_and_still_holds_up_nobody() {
        let mut at = At::live();
        at.feed(Input::Subscribe(B));
        at.feed(Input::Refused(B, refusal()));
        at.tick_after(HEARTBEAT);
        assert_eq!(at.timeout(), Some(BACKOFF_MAX));
        assert_eq!(
            at.tick_after(BACKOFF_MAX - HEARTBEAT),
            [Output::Subscribe(B), Output::SendCanary(2)]
        );
        at.feed(confirmed(B));
        assert!(at.feed(Input::Canary(3)).contains(&live(B)));
    }

    #[test]
    fn a_refused_canary_is_the_cause_for_all_and_is_tried_again() {
        let mut at = At::subscribing();
        at.feed(confirmed(A));
        assert_eq!(
            at.feed(Input::Refused(CANARY, refusal())),
            [
                down(A, refusal()),
                Output::LinkHealth(Health::Down(refusal()))
            ]
        );
        assert_eq!(at.timeout(), Some(BACKOFF_MAX));
        assert_eq!(at.tick_after(BACKOFF_MAX), [Output::Subscribe(CANARY)]);
        assert_eq!(at.feed(confirmed(CANARY)), [Output::SendCanary(0)]);
        assert!(at.feed(Input::Canary(0)).contains(&live(A)));
    }

    #[test]
    fn nobody_waits_for_a_refused_channel_that_is_no_longer_wanted() {
        let mut at = At::live();
        at.feed(Input::Subscribe(B));
        at.feed(Input::Refused(B, refusal()));
        assert_eq!(
            at.feed(Input::Unsubscribe(B)),
            [
                Output::ChannelHealth(B, Health::Idle),
                Output::LinkHealth(Health::Live)
            ]
        );
    }
}

mod unreadable_messages {
    use super::*;

    #[test]
    fn the_first_is_answered_at_once() {
        let mut at = At::live();
        assert_eq!(at.feed(Input::Rejected(A)), [everyone(A)]);
        assert_eq!(at.link.health(), &Health::Live);
    }

    #[test]
    fn more_are_answered_together_at_the_end_and_the_channel_is_not_live_before() {
        let mut at = At::live();
        at.feed(Input::Rejected(A));
        assert_eq!(
            at.later(1).feed(Input::Rejected(A)),
            [
                down(A, Cause::Rejected),
                Output::LinkHealth(Health::Down(Cause::Rejected))
            ]
        );
        assert_eq!(at.later(1).feed(Input::Rejected(A)), []);
        at.tick_after(HEARTBEAT - 2);
        assert_eq!(at.timeout(), Some(INTERVAL));
        let outputs = at.tick_after(INTERVAL - HEARTBEAT);
        assert_eq!(outputs[1..3], [everyone(A), live(A)]);
    }

    #[test]
    fn the_answer_at_the_end_opens_another_window() {
        let mut at = At::live();
        at.feed(Input::Rejected(A));
        at.feed(Input::Rejected(A));
        at.tick_after(INTERVAL);
        at.feed(Input::Canary(1));
        assert_eq!(
            at.later(1).feed(Input::Rejected(A))[0],
            down(A, Cause::Rejected)
        );
        assert!(at.tick_after(INTERVAL - 1).contains(&everyone(A)));
    }

    #[test]
    fn after_a_quiet_window_the_next_is_answered_at_once() {
        let mut at = At::live();
        at.feed(Input::Rejected(A));
        assert!(!at.tick_after(INTERVAL).contains(&everyone(A)));
        assert_eq!(at.feed(Input::Rejected(A)), [everyone(A)]);
    }

    #[test]
    fn a_loss_covers_what_is_unanswered() {
        let mut at = At::live();
        at.feed(Input::Rejected(A));
        at.feed(Input::Rejected(A));
        at.feed(Input::Overflow);
        let outputs = at.feed(Input::Canary(1));
        assert_eq!(outputs[1..3], [everyone(A), live(A)]);
        assert!(!at.tick_after(INTERVAL).contains(&everyone(A)));
    }

    #[test]
    fn one_answer_is_enough_for_them_and_a_loss() {
        let mut at = At::overflowed();
        at.feed(Input::Rejected(A));
        at.feed(Input::Rejected(A));
        assert!(!at.feed(Input::Canary(1)).contains(&live(A)));
        let outputs = at.tick_after(INTERVAL);
        let told = outputs.iter().filter(|output| **output == everyone(A));
        assert_eq!(told.count(), 1);
        assert!(outputs.contains(&live(A)));
    }
}

mod commands {
    use super::*;

    #[test]
    fn a_subscription_that_is_unwanted_before_it_is_confirmed_ends_afterwards() {
        let mut at = At::live();
        at.feed(Input::Subscribe(B));
        assert_eq!(
            at.feed(Input::Unsubscribe(B)),
            [Output::LinkHealth(Health::Live)]
        );
        assert!(at.feed(confirmed(B)).contains(&Output::Unsubscribe(B)));
        assert!(
            at.feed(Input::Unsubscribed(B))
                .contains(&Output::ChannelHealth(B, Health::Idle))
        );
    }

    #[test]
    fn a_subscription_that_is_wanted_again_before_it_is_confirmed_stays() {
        let mut at = At::live();
        at.feed(Input::Subscribe(B));
        at.feed(Input::Unsubscribe(B));
        at.feed(Input::Subscribe(B));
        assert_eq!(at.feed(confirmed(B)), [Output::SendCanary(1)]);
    }

    #[test]
    fn who_comes_back_while_the_subscription_ends_has_missed_something() {
        let mut at = At::live();
        at.feed(Input::Subscribe(B));
        at.feed(confirmed(B));
        at.feed(Input::Canary(1));
        assert!(
            at.feed(Input::Unsubscribe(B))
                .contains(&Output::Unsubscribe(B))
        );
        assert_eq!(
            at.feed(Input::Subscribe(B)),
            [Output::LinkHealth(Health::Connecting)]
        );
        assert_eq!(at.feed(Input::Message(B)), []);
        assert_eq!(at.feed(Input::Unsubscribed(B)), [Output::Subscribe(B)]);
        at.feed(confirmed(B));
        let outputs = at.feed(Input::Canary(2));
        assert_eq!(outputs[1..3], [everyone(B), live(B)]);
    }

    #[test]
    fn the_connection_closes_when_nothing_is_wanted() {
        let mut at = At::live();
        assert_eq!(
            at.feed(Input::Unsubscribe(A)),
            [
                Output::Disconnect,
                Output::ChannelHealth(A, Health::Idle),
                Output::LinkHealth(Health::Idle)
            ]
        );
        assert_eq!(at.timeout(), None);
        assert!(at.feed(Input::Subscribe(A)).contains(&Output::Connect));
        assert!(at.reconnect(1).contains(&everyone(A)));
    }

    #[test]
    fn nothing_is_sent_without_a_connection() {
        let mut at = At::live();
        at.feed(Input::Disconnected(Cause::Disconnected));
        let added = [Output::ChannelHealth(B, Health::Connecting)];
        assert_eq!(at.feed(Input::Subscribe(B))[..1], added);
        assert_eq!(
            at.feed(Input::Unsubscribe(B)),
            [Output::ChannelHealth(B, Health::Idle)]
        );
    }
}

mod reconnecting {
    use super::*;

    /// The waits of twelve attempts that all fail.
    fn waits(seed: u64) -> Vec<Duration> {
        let mut at = At {
            link: Link::new(Timings { seed, ..settings() }),
            now: 0,
        };
        at.feed(Input::Subscribe(A));
        std::iter::repeat_with(|| {
            at.feed(Input::Disconnected(Cause::Disconnected));
            at.wait_for_connect()
        })
        .take(12)
        .collect()
    }

    #[test]
    fn waits_double_up_to_a_limit_and_half_of_each_is_chance() {
        for seed in 0..100 {
            for (attempt, wait) in (0..).zip(waits(seed)) {
                let longest = ms(20 << attempt).min(ms(BACKOFF_MAX));
                assert!(wait <= longest, "attempt {attempt}: {wait:?}");
                // What is left of a millisecond is lost in this test.
                assert!(wait + ms(1) >= longest / 2, "attempt {attempt}: {wait:?}");
            }
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }

    #[test]
    fn a_canary_makes_waits_short_again_and_a_connection_alone_does_not() {
        let mut at = At::live();
        for _ in 0..8 {
            at.feed(Input::Disconnected(Cause::Disconnected));
            at.wait_for_connect();
            at.feed(Input::Connected);
        }
        at.feed(Input::Disconnected(Cause::Disconnected));
        assert!(at.wait_for_connect() >= ms(BACKOFF_MAX / 2 - 1));
        at.reconnect(1);
        at.feed(Input::Disconnected(Cause::Disconnected));
        assert!(at.wait_for_connect() <= ms(20));
    }
}

/// A tick at `timeout()` leads to progress, whatever was last.
#[test]
fn no_busy_loop() {
    let before: [fn() -> At; 4] = [At::start, At::subscribing, At::live, At::overflowed];
    let inputs = [
        Input::Tick,
        Input::Subscribe(B),
        Input::Unsubscribe(A),
        Input::Disconnected(Cause::Disconnected),
        Input::Refused(A, refusal()),
        Input::Refused(CANARY, refusal()),
        Input::Unsubscribed(A),
        Input::Rejected(A),
        Input::Overflow,
        Input::CanaryFailed(refusal()),
        gapless(CANARY),
        gapless(A),
    ];
    for start in before {
        for (first, second) in inputs
            .iter()
            .flat_map(|i| inputs.iter().map(move |j| (i, j)))
        {
            let mut at = start();
            at.feed(first.clone());
            at.later(1).feed(second.clone());
            for _ in 0..20 {
                let Some(due) = at.link.timeout() else { break };
                at.link.handle(due, Input::Tick);
                while at.link.poll_output().is_some() {}
                let next = at.link.timeout();
                assert!(
                    next.is_none_or(|next| next > due),
                    "after {first:?} and {second:?}: at {due:?}, then at {next:?}"
                );
            }
        }
    }
}
