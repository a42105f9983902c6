//! The whole world: what can happen in a state, and the state after it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use cache_runtime::__private::link::{ChannelId, Input};
use cache_runtime::bus::Cause;

use super::bounds::{Bounds, Fault};
use super::instance::{Context, Instance};
use super::server::{Channel, Command, Event, Host, HostRole, Loss, Servers, Wire};

#[derive(Debug, Clone)]
pub(super) struct World {
    /// In ticks.
    now: u64,
    servers: Servers,
    pub(super) instances: Vec<Instance>,
    /// How often something has gone wrong, if that is limited.
    strikes: u32,
    pub(super) log: Option<Vec<String>>,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    TimePasses,
    /// Another program publishes an event.
    Publish(Channel),
    FailOver {
        linked: bool,
    },
    Replace,
    /// At an instance.
    At(usize, Step),
}

/// What can happen at an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The timeout of the link is handled. It may be late.
    Tick,
    Connected(Host),
    Disconnected,
    ServerTakesCommand,
    ServerRefuses,
    ServerTakesCanary {
        former: bool,
    },
    ServerTakesCanaryTwice,
    ServerTakesStray,
    Arrives,
    ArrivesAndIsRejected,
    AnswerArrives {
        former: bool,
    },
    AnswerIsLost {
        former: bool,
    },
    OtherAnswers(Host),
    CanaryFails,
    UsersCome(Channel),
    UsersLeave(Channel),
    Overflow,
    Unanswered,
    ServerUnsubscribes(Channel),
    LossBegins,
    LossEnds,
    Reopens(Host),
    EventsMove {
        subscribed: bool,
    },
    PublishingMoves,
}

impl Action {
    /// Whether it happens sooner or later if nothing goes wrong any more.
    pub(super) fn is_progress(self) -> bool {
        match self {
            Self::TimePasses => true,
            Self::Publish(_) | Self::FailOver { .. } | Self::Replace => false,
            Self::At(_, step) => matches!(
                step,
                Step::Tick
                    | Step::Connected(_)
                    | Step::ServerTakesCommand
                    | Step::ServerTakesCanary { .. }
                    | Step::ServerTakesStray
                    | Step::Arrives
                    | Step::AnswerArrives { .. }
                    | Step::LossEnds
            ),
        }
    }

    /// Whether something goes wrong, or users leave.
    fn is_strike(self) -> bool {
        match self {
            Self::TimePasses | Self::Publish(_) | Self::At(_, Step::UsersCome(_)) => false,
            Self::FailOver { .. } | Self::Replace => true,
            Self::At(..) => !self.is_progress(),
        }
    }
}

impl World {
    pub(super) fn new(b: &Bounds) -> Self {
        let second = if b.has(Fault::Move) {
            HostRole::Primary
        } else {
            HostRole::Replica { linked: true }
        };
        let mut world = Self {
            now: 0,
            servers: Servers::new(second),
            instances: vec![Instance::new(b); b.instances],
            strikes: 0,
            log: None,
        };
        if b.begins_live() || !b.has(Fault::Leave) {
            for at in 0..b.instances {
                for channel in 1..=b.channels {
                    world.apply(b, Action::At(at, Step::UsersCome(channel)));
                }
            }
        }
        if b.begins_live() {
            world.settle(b);
        }
        world
    }

    /// The world as one of its instances finds it, with all strikes still to come.
    pub(super) fn alone(&self, at: usize) -> Self {
        Self {
            servers: self.servers.clone(),
            instances: vec![self.instances[at].clone()],
            strikes: 0,
            log: None,
            ..*self
        }
    }

    /// Lets everything happen that takes no time, until all channels are live.
    fn settle(&mut self, b: &Bounds) {
        let progress = |action: &Action| action.is_progress() && *action != Action::TimePasses;
        while let Some(action) = self.actions(b).into_iter().find(progress) {
            self.apply(b, action);
        }
        assert!(self.is_settled(), "not live: {self:?}");
    }

    /// Everything that can happen now.
    pub(super) fn actions(&self, b: &Bounds) -> Vec<Action> {
        let mut actions = Vec::new();
        let is_over = b.ticks.is_some_and(|ticks| ticks <= self.now);
        let may_be_late = b.has(Fault::LateTick);
        if !is_over && (may_be_late || !self.instances.iter().any(|i| i.is_due(self.now))) {
            actions.push(Action::TimePasses);
        }
        let load = self.instances.iter().map(Instance::load).max();
        if self.free_event(b).is_some() && load < Some(b.in_flight) {
            actions.extend((1..=b.channels).map(Action::Publish));
        }
        if b.has(Fault::FailOver) && self.servers.primary == 0 {
            actions.extend([true, false].map(|linked| Action::FailOver { linked }));
        }
        if b.has(Fault::Replace) && !self.servers.replaced {
            actions.push(Action::Replace);
        }
        let mut steps = Vec::new();
        for (at, instance) in self.instances.iter().enumerate() {
            self.steps(b, instance, &mut steps);
            if instance.load() < b.in_flight {
                Self::faults(b, instance, &mut steps);
            }
            actions.extend(steps.drain(..).map(|step| Action::At(at, step)));
        }
        if b.strikes.is_some_and(|most| most <= self.strikes) {
            actions.retain(|action| !action.is_strike());
        }
        actions
    }

    /// What happens by itself.
    fn steps(&self, b: &Bounds, of: &Instance, steps: &mut Vec<Step>) {
        if of.is_due(self.now) {
            steps.push(Step::Tick);
        }
        if of.is_opening() {
            steps.push(Step::Connected(0));
            if b.has(Fault::FailOver) {
                steps.push(Step::Connected(1));
            }
        }
        if let Some(events) = &of.events {
            if !events.up.is_empty() {
                steps.push(Step::ServerTakesCommand);
            }
            if !events.down.is_empty() {
                steps.push(Step::Arrives);
            }
            // It is as long as a heartbeat, or hurts only those who are flushed anyway.
            let over = events.loss == Loss::WithCanary || !of.rules.is_live();
            if events.loss != Loss::None && over {
                steps.push(Step::LossEnds);
            }
        }
        for (former, connection) in [(false, &of.publishing), (true, &of.former)] {
            if let Some(connection) = connection {
                if !connection.up.is_empty() {
                    steps.push(Step::ServerTakesCanary { former });
                }
                if !connection.down.is_empty() {
                    steps.push(Step::AnswerArrives { former });
                }
            }
        }
        if of.stray.is_some() {
            steps.push(Step::ServerTakesStray);
        }
    }

    /// What goes wrong, or what users do.
    fn faults(b: &Bounds, of: &Instance, steps: &mut Vec<Step>) {
        let mut add = |fault: Fault, possible: bool, step: Step| {
            if possible && b.has(fault) {
                steps.push(step);
            }
        };
        for (channel, told) in of.rules.users() {
            add(Fault::Leave, !told.wanted, Step::UsersCome(channel));
            add(Fault::Leave, told.wanted, Step::UsersLeave(channel));
        }
        add(Fault::Disconnect, of.is_opening(), Step::Disconnected);
        let Some(events) = &of.events else {
            return;
        };
        add(Fault::Disconnect, true, Step::Disconnected);
        add(Fault::Unanswered, true, Step::Unanswered);
        add(Fault::Lose, events.loss == Loss::None, Step::LossBegins);
        let subscribes = matches!(events.up.front(), Some(Command::Subscribe(_)));
        add(Fault::Refuse, subscribes, Step::ServerRefuses);
        let message = |wire: &Wire| matches!(wire, Wire::Message(..));
        let next = events.down.front().is_some_and(message);
        add(Fault::Reject, next, Step::ArrivesAndIsRejected);
        let message = |wire: &Wire| matches!(wire, Wire::Message(..) | Wire::Canary(_));
        let any = events.down.iter().any(message);
        add(Fault::Overflow, any, Step::Overflow);
        for (channel, subscribed) in (0..).zip(&events.subscribed) {
            let step = Step::ServerUnsubscribes(channel);
            add(Fault::Unsubscribe, *subscribed, step);
        }
        for subscribed in [true, false] {
            let step = Step::EventsMove { subscribed };
            add(Fault::Move, events.host == 0, step);
        }
        add(Fault::Move, true, Step::OtherAnswers(1));
        if let Some(publishing) = &of.publishing {
            let up = !publishing.up.is_empty();
            add(Fault::CanaryFails, up, Step::CanaryFails);
            add(Fault::Twice, up, Step::ServerTakesCanaryTwice);
            add(Fault::Move, publishing.host == 0, Step::PublishingMoves);
            let first = publishing.number == 0;
            add(Fault::Reopen, first, Step::Reopens(0));
            let other = b.has(Fault::FailOver) || b.has(Fault::Move);
            add(Fault::Reopen, first && other, Step::Reopens(1));
        }
        for (former, connection) in [(false, &of.publishing), (true, &of.former)] {
            let answered = connection.as_ref().is_some_and(|c| !c.down.is_empty());
            add(Fault::Reopen, answered, Step::AnswerIsLost { former });
        }
    }

    fn free_event(&self, b: &Bounds) -> Option<Event> {
        let used = |i: &Instance, event| i.awaits(event) || i.rules.missed[event].is_some();
        (0..b.events).find(|event| !self.instances.iter().any(|i| used(i, *event)))
    }

    pub(super) fn after(&self, b: &Bounds, action: Action) -> Self {
        let mut after = self.clone();
        after.apply(b, action);
        after
    }

    pub(super) fn apply(&mut self, b: &Bounds, action: Action) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>4} {action:?}", self.now));
        }
        if b.strikes.is_some() {
            self.strikes += u32::from(action.is_strike());
        }
        match action {
            Action::TimePasses => self.now += 1,
            Action::Publish(channel) => self.publish(b, channel),
            Action::FailOver { linked } => {
                self.servers.fail_over(linked);
                for instance in &mut self.instances {
                    instance.judge_who_hears(&self.servers);
                }
            }
            Action::Replace => {
                self.servers.replace();
                let primary = self.servers.primary;
                let events = self.instances.iter_mut().flat_map(|i| &mut i.events);
                for events in events.filter(|events| events.host == primary) {
                    events.subscribed.fill(false);
                }
            }
            Action::At(at, step) => self.step(b, at, step),
        }
        for instance in &mut self.instances {
            instance.rules.looked_at(b, self.now);
        }
    }

    fn publish(&mut self, b: &Bounds, channel: Channel) {
        let Some(event) = self.free_event(b) else {
            return;
        };
        for instance in &mut self.instances {
            instance.published(self.now, channel, event);
            if let Some(events) = &mut instance.events
                && self.servers.hears(events.host, self.servers.primary)
            {
                events.push(channel, Wire::Message(channel, event));
            }
        }
    }

    fn step(&mut self, b: &Bounds, at: usize, step: Step) {
        let Self {
            now,
            servers,
            instances,
            log,
            ..
        } = self;
        let this = &mut instances[at];
        let with = &mut Context {
            bounds: b,
            servers,
            now: *now,
            log,
        };
        match step {
            Step::Tick => {
                this.feed(with, Input::Tick);
                this.rules.ticked(*now, this.link.timeout());
            }
            Step::Connected(host) => this.connect(with, host),
            Step::Disconnected => this.disconnect(with),
            Step::ServerTakesCommand => this.take_command(servers, false),
            Step::ServerRefuses => this.take_command(servers, true),
            Step::ServerTakesCanary { former } => {
                this.take_canary(servers, former, false);
                this.hear_all(with);
            }
            Step::ServerTakesCanaryTwice => this.take_canary(servers, false, true),
            Step::ServerTakesStray => {
                if let Some(number) = this.stray.take() {
                    this.publish_canary(servers, number, servers.primary);
                }
            }
            Step::Arrives => this.arrive(with, false),
            Step::ArrivesAndIsRejected => this.arrive(with, true),
            Step::AnswerArrives { former } => this.hear(with, former),
            Step::AnswerIsLost { former } => {
                let of = if former {
                    &mut this.former
                } else {
                    &mut this.publishing
                };
                if let Some(connection) = of {
                    connection.down.pop_front();
                }
                this.feed(with, Input::CanaryFailed(Cause::Closed));
            }
            Step::OtherAnswers(host) => this.other_answers(with, host),
            Step::CanaryFails => {
                if let Some(publishing) = &mut this.publishing {
                    publishing.up.pop_front();
                }
                this.feed(with, Input::CanaryFailed(Cause::Closed));
            }
            Step::UsersCome(channel) => this.feed(with, Input::Subscribe(ChannelId(channel))),
            Step::UsersLeave(channel) => {
                this.rules.forget(channel);
                this.feed(with, Input::Unsubscribe(ChannelId(channel)));
            }
            Step::Overflow => this.overflow(with),
            Step::Unanswered => this.feed(with, Input::Unanswered),
            Step::ServerUnsubscribes(channel) => {
                if let Some(events) = &mut this.events {
                    events.subscribed[channel as usize] = false;
                    events.down.push_back(Wire::Unsubscribed(channel));
                }
            }
            Step::LossBegins | Step::LossEnds => {
                if let Some(events) = &mut this.events {
                    events.loss = if step == Step::LossBegins {
                        Loss::Unnoticed
                    } else {
                        Loss::None
                    };
                }
            }
            Step::Reopens(host) => this.reopen(servers, host),
            Step::EventsMove { subscribed } => {
                if let Some(events) = &mut this.events {
                    events.host = 1;
                    if !subscribed {
                        events.subscribed.fill(false);
                    }
                }
            }
            Step::PublishingMoves => {
                if let Some(publishing) = &mut this.publishing {
                    publishing.host = 1;
                }
                this.judge_who_hears(servers);
            }
        }
    }

    pub(super) fn violation(&self) -> Option<&str> {
        let mut violations = self.instances.iter().map(|i| &i.rules.violation);
        violations.find_map(Option::as_deref)
    }

    /// Whether all users are served, and nothing is owed to anybody.
    pub(super) fn is_settled(&self) -> bool {
        self.instances.iter().all(|i| i.rules.is_settled())
    }

    /// A hash of the state, in which time begins now. Instances may be exchanged.
    pub(super) fn digest(&self, b: &Bounds) -> u64 {
        let digest = |instance: &Instance| {
            let mut hasher = DefaultHasher::new();
            instance.digest(b, self.now, &mut hasher);
            hasher.finish()
        };
        let mut instances: Vec<_> = self.instances.iter().map(digest).collect();
        instances.sort_unstable();
        let mut hasher = DefaultHasher::new();
        let left = b.ticks.map(|ticks| ticks - self.now);
        (&self.servers, instances, left, self.strikes).hash(&mut hasher);
        hasher.finish()
    }
}
