//! Instances, in processes of 50, and what they use while nothing happens.

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cache_runtime::Bus;
use support::{Admin, Child};
use tokio::io::{AsyncReadExt, stdin};
use tokio::time::sleep;

use crate::number::float;
use crate::process::{Process, Role, info};
use crate::{UserEvent, Users, seconds};

/// The instances of a process.
const TOGETHER: u64 = 50;

/// The processes.
pub(crate) struct Fleet {
    url: String,
    children: Vec<Child>,
    instances: u64,
}

impl Fleet {
    pub(crate) fn new(url: String) -> Self {
        Self {
            url,
            children: Vec::new(),
            instances: 0,
        }
    }

    /// Starts more of them, and waits until events are proven to reach all.
    pub(crate) async fn grow(&mut self, instances: u64) {
        while self.instances < instances {
            let more = TOGETHER.min(instances - self.instances);
            self.children.push(start(&self.url, more).await);
            self.instances += more;
        }
    }

    /// Publishes an event, and waits until all have evicted; returns how long that took.
    pub(crate) async fn evict(&mut self, users: &Users, user_id: u64) -> Duration {
        let (begun, mut last) = (now(), 0_u64);
        let published = users.invalidate_user(user_id).await;
        published.expect("the server is there");
        for child in &mut self.children {
            let line = child.says(&format!("evicted {user_id} at ")).await;
            let at = line.rsplit(' ').next().expect("a time");
            last = last.max(at.parse().expect("a number"));
        }
        Duration::from_nanos(last.saturating_sub(begun))
    }

    pub(crate) fn instances(&self) -> u64 {
        self.instances
    }

    /// The memory of an instance, in bytes, without what a process takes that has none.
    pub(crate) async fn memory(&self) -> f64 {
        let empty = start(&self.url, 0).await;
        let empty = Process::of_child(&empty).resident();
        let memory = self.processes().map(|process| process.resident() - empty);
        memory.sum::<f64>() / float(self.instances)
    }

    pub(crate) async fn end(self) {
        for child in self.children {
            assert!(child.finish().await.success());
        }
    }

    fn processes(&self) -> impl Iterator<Item = Process> {
        self.children.iter().map(Process::of_child)
    }
}

async fn start(url: &str, instances: u64) -> Child {
    let variables = [("URL", url), ("NUMBER", &instances.to_string())];
    let mut child = Role::Instances.start(&variables);
    child.says("ready").await;
    child
}

/// What is used in a second while nothing happens: cores, commands and bytes.
pub(crate) struct Rest {
    pub(crate) instances: f64,
    pub(crate) server: f64,
    pub(crate) commands: f64,
    pub(crate) bytes: f64,
}

impl Rest {
    /// Measures the instances, and the server that `admin` is connected to.
    pub(crate) async fn measure(fleet: &Fleet, admin: &Admin) -> Self {
        let server = Process::of_server(admin).await;
        let counted = async || {
            let stat = async |field| info(admin, "stats", field).await;
            let bytes = stat("total_net_input_bytes").await + stat("total_net_output_bytes").await;
            let commands = stat("total_commands_processed").await;
            let instances = fleet.processes().map(Process::cpu).sum();
            [float(commands), float(bytes), server.cpu(), instances]
        };
        let before = counted().await;
        sleep(seconds()).await;
        let after = counted().await;
        let rate = |index: usize| (after[index] - before[index]) / seconds().as_secs_f64();
        Self {
            commands: rate(0),
            bytes: rate(1),
            server: rate(2),
            instances: rate(3),
        }
    }
}

/// Instances that evict, until the benchmark ends.
pub(crate) async fn play() {
    static EVICTED: AtomicU64 = AtomicU64::new(0);
    let variable = |name| env::var(name).expect("`start` sets it");
    let number: u64 = variable("NUMBER").parse().expect("a number");
    let mut instances = Vec::new();
    for _ in 0..number {
        let bus = Bus::redis(variable("URL")).connect().await;
        let bus = bus.expect("the server is there");
        let evict = Users::new(&bus).subscribe_inline(move |event| {
            if let UserEvent::User { user_id } = event {
                let evicted = EVICTED.fetch_add(1, Ordering::Relaxed) + 1;
                // One event at a time is on its way.
                if evicted.is_multiple_of(number) {
                    println!("evicted {user_id} at {}", now());
                }
            }
        });
        instances.push((bus, evict));
    }
    for (bus, _) in &instances {
        bus.ready().await.expect("a healthy server");
    }
    println!("ready");
    drop(stdin().read_to_end(&mut Vec::new()).await);
}

/// The time of day in nanoseconds, which the processes of a machine share.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.expect("it is later").as_nanos();
    u64::try_from(nanos).expect("it is not that late")
}
