//! Slots move from node to node. The nodes are in-process transports.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::bus::listening::Listening;
use crate::driver::Driver;

const NODES: usize = 3;

/// Long enough for a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A bus with three channels, in different slots.
struct Bus {
    settings: Settings,
    table: Table,
    whole: Arc<Reported>,
    channels: Vec<Arc<Listening>>,
    nodes: Vec<Transport>,
    /// Whether the bus was ever reported as live while a channel was not.
    was_wrong: Arc<AtomicBool>,
}

impl Bus {
    fn new() -> Self {
        let channel = |number: u32| {
            let name = format!("channel-{number}").into();
            Arc::new(Listening::with(ChannelId(number + 2), name, Arc::default()))
        };
        let channels: Vec<_> = (0..3).map(channel).collect();
        let whole = Arc::new(Reported::new(Health::Idle, Arc::default()));
        let was_wrong = Arc::new(AtomicBool::new(false));
        whole.observe({
            let (whole, channels) = (Arc::downgrade(&whole), channels.clone());
            let was_wrong = Arc::clone(&was_wrong);
            move || {
                let is_live = whole.upgrade().is_some_and(|whole| whole.get().is_live());
                let all = || {
                    channels
                        .iter()
                        .all(|channel| channel.health().get().is_live())
                };
                if is_live && !all() {
                    was_wrong.store(true, SeqCst);
                }
            }
        });
        let combined = Combination {
            links: Combined::new(Arc::clone(&whole), Health::Live),
            unserved: Arc::new(Reported::new(Health::Idle, Arc::default())),
        };
        combined.links.add(&combined.unserved);
        let mut table = Table::new(Arc::new(Fences::new()), Arc::default());
        table.combined = Some(combined);
        let mut bus = Self {
            settings: Settings::default(),
            table,
            whole,
            channels,
            nodes: (0..NODES)
                .map(|_| Transport::in_process(&Driver::default()))
                .collect(),
            was_wrong,
        };
        for channel in bus.channels.clone() {
            let channel: Arc<dyn Dispatch> = channel;
            bus.table.want(&bus.settings, &channel, None);
        }
        bus
    }

    /// Each channel's slot is served by the node with this number, or by none.
    fn serve(&mut self, by: &[Option<usize>]) -> usize {
        let (channels, nodes) = (&self.channels, &self.nodes);
        let moved = self.table.move_all(&self.settings, |name| {
            let slot = slot_of(name);
            let is_here = |channel: &Arc<Listening>| slot_of(channel.name()) == slot;
            let node = by[channels.iter().position(is_here)?]?;
            Some(nodes[node].clone())
        });
        moved.len()
    }

    async fn live(&self) {
        let mut health = self.whole.watch();
        let live = timeout(LIMIT, health.wait_for(Health::is_live)).await;
        live.expect("the bus becomes live").unwrap();
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.table.close();
    }
}

#[tokio::test]
async fn the_bus_is_live_only_while_every_channel_is() {
    let mut random = 1_u64;
    let mut next = || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(random >> 33).unwrap()
    };
    for _ in 0..20 {
        let mut bus = Bus::new();
        for _ in 0..10 {
            let mut node = || Some(next() % (NODES + 1)).filter(|node| *node < NODES);
            bus.serve(&[node(), node(), node()]);
            if next() % 3 == 0 {
                bus.serve(&[Some(0), Some(1), Some(2)]);
                bus.live().await;
            }
        }
        bus.serve(&[Some(0), Some(0), Some(1)]);
        bus.live().await;
        assert!(!bus.was_wrong.load(SeqCst));
        bus.serve(&[Some(0), Some(0), Some(1)]);
        bus.serve(&[Some(0), Some(0), Some(1)]);
        assert_eq!(bus.table.links.len(), 2, "the other links have ended");
    }
}

#[tokio::test]
async fn a_link_that_ends_does_not_leave_the_bus_live_in_between() {
    let mut bus = Bus::new();
    bus.serve(&[Some(0), Some(1), Some(1)]);
    bus.live().await;
    let link = bus
        .table
        .links
        .values_mut()
        .find(|link| link.transport.is(&bus.nodes[0]))
        .unwrap();
    // Its supervisor would report that it is live again.
    let supervisor = link.end().unwrap();
    timeout(LIMIT, supervisor).await.unwrap().unwrap();
    link.health.set(&Health::Down(Cause::LeaseExpired));
    bus.channels[0]
        .health()
        .set(&Health::Down(Cause::LeaseExpired));
    assert_eq!(bus.serve(&[None, Some(1), Some(1)]), 1);
    assert!(!bus.was_wrong.load(SeqCst));
    let Health::Down(Cause::Unserved(what)) = bus.whole.get() else {
        panic!("{:?}", bus.whole.get());
    };
    assert!(what.contains("channel-0"), "{what}");
}

#[tokio::test]
async fn the_cause_of_the_bus_is_that_of_a_channel_that_is_still_unserved() {
    let mut bus = Bus::new();
    let unserved = |bus: &Bus| matches!(bus.whole.get(), Health::Down(Cause::Unserved(_)));
    assert_eq!(bus.serve(&[Some(0), None, None]), 1);
    assert!(unserved(&bus));
    // While nothing changes, nobody who watches is woken.
    let mut health = bus.table.combined.as_ref().unwrap().unserved.watch();
    health.mark_unchanged();
    assert_eq!(bus.serve(&[Some(0), None, None]), 0);
    assert!(!health.has_changed().unwrap());
    // The one that was unserved last is no longer.
    bus.table.unwant(&*bus.channels[2].clone());
    bus.table.explain_unserved(|_| Cause::Disconnected);
    assert_eq!(bus.whole.get(), Health::Down(Cause::Disconnected));
    // Nothing moves, so nobody is flushed again.
    assert_eq!(bus.serve(&[Some(0), None, None]), 0);
    assert!(unserved(&bus));
}
