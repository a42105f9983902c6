//! What remains of a lease after the machine slept. The monotonic clock stands still during sleep,
//! so a lease on that clock would go on after waking. The test replaces `clock_gettime` in a child
//! process, and sets the clocks ahead that count the time asleep.
#![cfg(target_os = "linux")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cache_runtime::bus::{Cause, Health};
use cache_runtime::{Bus, CoherentCache, Evict, InvalidationEvent, cache_invalidation};
use support::{Child, Server, role};

const LEASE: Duration = Duration::from_secs(3600);

#[derive(Debug, InvalidationEvent)]
enum UserEvent {
    User { user_id: u64 },
    All,
}

#[cache_invalidation(channel = "cache:sleep", event = UserEvent)]
struct Users;

/// The file from which the replaced `clock_gettime` reads the time asleep.
struct Asleep(PathBuf);

impl Asleep {
    fn set(&self, time: Duration) {
        let seconds = i64::try_from(time.as_secs()).unwrap();
        // Written in place, because the file is mapped.
        let file = fs::File::options().write(true).open(&self.0).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &seconds.to_ne_bytes(), 0).unwrap();
    }
}

fn compile(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sleep/clock.c");
    let library = folder.join("clock.so");
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let status = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    assert!(status.expect("a C compiler").success());
    library
}

#[tokio::test]
async fn a_machine_that_slept_has_no_lease_left() {
    if role().is_some() {
        return sleeper().await;
    }
    let server = Server::start().await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = compile(folder);
    let asleep = folder.join("asleep");
    fs::write(&asleep, 0_i64.to_ne_bytes()).unwrap();
    let test = "a_machine_that_slept_has_no_lease_left";
    let variables = [
        ("URL", server.url()),
        ("SECONDS_ASLEEP", asleep.display().to_string()),
        ("LD_PRELOAD", library.display().to_string()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut sleeper = Child::same_test(test, "sleeper", &variables);
    sleeper.says("nothing is served on waking").await;
    assert!(sleeper.finish().await.success());
}

async fn sleeper() {
    let asleep = Asleep(env::var("SECONDS_ASLEEP").unwrap().into());
    // No heartbeat comes during this test, so only the clock can end the lease.
    let bus = Bus::redis(env::var("URL").unwrap())
        .heartbeat(LEASE / 2)
        .lease(LEASE)
        .connect()
        .await
        .unwrap();
    let users = Users::new(&bus);
    let cache = CoherentCache::builder("users", 4 * LEASE);
    let cache = cache
        .evict_on(&users, |event| match event {
            UserEvent::User { user_id } => Evict::key(*user_id),
            UserEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    bus.ready().await.unwrap();
    cache.get_or_load(&1_u64, || async { "old" }).await;
    assert_eq!(cache.get(&1), Some("old"));

    asleep.set(LEASE / 2);
    assert_eq!(cache.get(&1), Some("old"), "the lease is not over");
    asleep.set(2 * LEASE);
    assert_eq!(cache.get(&1), None);
    assert_eq!(users.health(), Health::Down(Cause::LeaseExpired));
    println!("nothing is served on waking");
}
