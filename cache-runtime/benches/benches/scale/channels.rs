//! Channels on one bus.

use std::time::Instant;

use cache_runtime::__private::{DeclaredChannel, Logging};
use cache_runtime::service::{Invalidator, Subscription};
use cache_runtime::{Bus, InvalidationEvent};
use support::Server;
use tokio::time::sleep;

use crate::number::{float, millis};
use crate::process::Process;
use crate::table::Table;
use crate::{scale, seconds};

#[derive(InvalidationEvent)]
enum Nothing {
    All,
}

pub(crate) async fn run() {
    let server = Server::start().await;
    let mut table = Table::new(
        "channels",
        &["channels", "ready, ms", "memory, KiB", "idle, % of a core"],
    );
    for number in scale("CHANNELS", 10_000) {
        let this = Process::this();
        let (before, begun) = (this.resident(), Instant::now());
        let bus = Bus::redis(server.url()).connect().await.expect("a server");
        let subscriptions: Vec<_> = (0..number).map(|number| inline(&bus, number)).collect();
        bus.ready().await.expect("a healthy server");
        let ready = millis(begun.elapsed());
        let memory = (this.resident() - before) / 1024.0;
        let used = this.cpu();
        sleep(seconds()).await;
        let idle = (this.cpu() - used) / seconds().as_secs_f64();
        table.row(&[float(number), ready, memory, 100.0 * idle]);
        assert!(bus.health().is_live());
        drop(subscriptions);
        bus.close().await;
    }
    table.draw(&[&[1], &[2], &[3]]);
}

/// Each service has one channel, so the services are made at run time.
fn inline(bus: &Bus, number: u64) -> Subscription {
    let logging = Logging {
        subscription: false,
        events: false,
        publish: false,
    };
    let name = format!("cache:channel-{number}").leak();
    let declared = DeclaredChannel::new::<Nothing>(name, "Service", file!(), line!(), 0, logging);
    let service = Invalidator::<Nothing>::new(bus, Box::leak(Box::new(declared)));
    service.subscribe_inline(|_| ())
}
