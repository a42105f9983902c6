//! One run: how time passes, and what happens in it.

use std::time::Duration;

use cache_runtime::__private::link::ChannelId;

use crate::check::Check;
use crate::faults::Fault;
use crate::plan::Plan;
use crate::process::{Generation, Process, Signal};
use crate::queue::{Happening, Queue, Ticket};
use crate::rng::Rng;
use crate::server::Server;
use crate::totals::Totals;

pub(crate) const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Everything that is simulated.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) now: Duration,
    pub(crate) rng: Rng,
    pub(crate) queue: Queue,
    pub(crate) server: Server,
    pub(crate) process: Process,
    pub(crate) check: Check,
    /// The connection whose data was discarded, and the last ticket that this concerns.
    pub(crate) cut: Option<(Generation, Ticket)>,
    /// The time until which each of these faults lasts.
    pub(crate) canary_failing: Duration,
    pub(crate) canary_hole: Duration,
    pub(crate) malformed: Duration,
    /// When all faults have ended.
    pub(crate) calm: Duration,
    /// The fault to which an event counts as lost if no other is known: the latest one.
    pub(crate) blame: Fault,
    pub(crate) struck: Vec<Fault>,
    /// The publisher has ended.
    quiet: bool,
    recovery: Duration,
    tracing: bool,
}

impl World {
    /// The world is returned with either result, for the totals.
    pub(crate) fn run(seed: u64, tracing: bool) -> (Self, Result<(), String>) {
        let mut rng = Rng::new(seed);
        let plan = Plan::new(&mut rng);
        let mut world = Self {
            now: Duration::ZERO,
            rng,
            queue: Queue::default(),
            server: Server::new(),
            process: Process::new(plan.timings.clone()),
            check: Check::new(plan.timings.clone(), plan.in_process),
            cut: None,
            canary_failing: Duration::ZERO,
            canary_hole: Duration::ZERO,
            malformed: Duration::ZERO,
            // A hole lasts until it is noticed.
            calm: plan.faults_end + plan.timings.lease + plan.response_timeout,
            blame: Fault::Starting,
            struck: Vec::new(),
            quiet: false,
            recovery: Duration::ZERO,
            tracing,
            plan,
        };
        world.trace(|| format!("{:#?}", world.plan));
        let result = world.live();
        (world, result)
    }

    fn live(&mut self) -> Result<(), String> {
        for index in 1..=self.plan.channels {
            self.toggle(ChannelId(index));
        }
        for first in [Happening::Publisher, Happening::Users, Happening::Strike] {
            self.queue.push(ms(100), first);
        }
        self.pass_until(|world| world.now >= world.plan.faults_end)?;
        self.trace(|| "no more faults".to_owned());
        self.pass_until(|world| world.now >= world.calm)?;
        self.trace(|| "all faults have ended".to_owned());
        let patience = self.calm + self.plan.patience();
        self.pass_until(|world| world.check.all_live() || world.now > patience)?;
        self.recovery = self.now.saturating_sub(self.calm);
        self.trace(|| "settled, or too late".to_owned());
        self.check
            .require(self.now <= patience, || "not live in time".to_owned());
        // Long enough for every flush that is still due.
        let settled = self.now + 2 * self.plan.timings.rejection_interval + ms(200);
        self.pass_until(|world| world.now > settled)?;
        self.quiet = true;
        self.pass_until(|world| world.now > settled + ms(200))?;
        self.check.finish();
        self.check.violation.take().map_or(Ok(()), Err)
    }

    /// Lets time pass until `done`, or until nothing is left to happen.
    fn pass_until(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        while !done(self) {
            let Some((at, ticket, what)) = self.queue.pop() else {
                break;
            };
            self.now = at;
            self.happen(ticket, what);
            self.check_the_time();
            if let Some(violation) = self.check.violation.take() {
                return Err(format!("at {:?}: {violation}", self.now));
            }
        }
        Ok(())
    }

    fn happen(&mut self, ticket: Ticket, what: Happening) {
        let stands_still = match what {
            Happening::Publish(_)
            | Happening::Publisher
            | Happening::Connect(_)
            | Happening::Command(..)
            | Happening::Canary(..)
                if !self.plan.in_process =>
            {
                self.server.frozen
            }
            Happening::Arrive(..)
            | Happening::ConnectTimeout(_)
            | Happening::CommandTimeout(..)
            | Happening::CanaryFailed
            | Happening::Told(..)
            | Happening::Users => self.process.stopped,
            _ => Duration::ZERO,
        };
        if self.now < stands_still {
            return self.queue.postpone(stands_still, ticket, what);
        }
        match what {
            Happening::Publish(id) => self.publish(id),
            Happening::Publisher => {
                if !self.quiet {
                    let id = self.some_channel();
                    self.publish(id);
                    self.again(ms(0), self.plan.event_gap, Happening::Publisher);
                }
            }
            Happening::Users => {
                if self.now < self.plan.faults_end && self.plan.users_come_and_go {
                    let id = self.some_channel();
                    self.toggle(id);
                    self.again(ms(0), ms(1000), Happening::Users);
                }
            }
            Happening::Strike => {
                if self.now < self.plan.faults_end {
                    self.strike();
                    self.again(ms(1), self.plan.fault_gap, Happening::Strike);
                }
            }
            Happening::Connect(generation) => self.connect_at_server(generation),
            Happening::Command(generation, id, command) => {
                self.command_at_server(generation, id, command);
            }
            Happening::Canary(number, commands) => self.canary_at_server(number, commands),
            Happening::Told(generation, canary, commands, server) => {
                self.post(Signal::Told(generation, canary, commands.number, server));
            }
            Happening::Readdress => self.readdress(),
            Happening::PushesReturn => self.pushes_return(),
            Happening::Arrive(generation, wire) => {
                if self.is_cut_off(generation, ticket) {
                    self.cut_off(&wire);
                } else {
                    self.arrive(generation, wire);
                }
            }
            Happening::ConnectTimeout(generation) => self.connect_timeout(generation),
            Happening::CommandTimeout(generation, number) => {
                self.command_timeout(generation, number);
            }
            Happening::CanaryFailed => self.post(Signal::CanaryFailed),
            Happening::Wake => self.wake(),
        }
    }

    fn again(&mut self, from: Duration, to: Duration, what: Happening) {
        let at = self.now + self.rng.between(from, to);
        self.queue.push(at, what);
    }

    pub(crate) fn some_channel(&mut self) -> ChannelId {
        let index = self.rng.below(u64::from(self.plan.channels));
        ChannelId(1 + u32::try_from(index).expect("a small number"))
    }

    pub(crate) fn trace(&self, what: impl FnOnce() -> String) {
        if self.tracing {
            println!("{:>12?} {}", self.now, what());
        }
    }

    pub(crate) fn add_to(&self, totals: &mut Totals) {
        let only = self.plan.faults.len() == 1;
        totals.add(
            &self.struck,
            only,
            self.recovery,
            self.check.ledger.outcomes(),
        );
    }
}
