//! All faults at once: no read returns a value that is too old.
//!
//! A writer changes numbers and publishes the changes: of a key, of a prefix, and of everything.
//! Two processes read them through caches of every kind, one of them behind a proxy. Meanwhile the
//! server is killed, frozen and restarted, connections are cut, killed and black-holed, and the
//! processes are stopped. Afterwards every single read is audited.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Proxy, Server, role};

use crate::audit::{Split, audit};
use crate::caches::Kind;
use crate::faults::{self, Victims};
use crate::reader::{self, Reader};
use crate::source::{Folder, Source};
use crate::writer;

/// How long the faults go on, after each was caused once; the variable `TORTURE_SECONDS` says
/// otherwise.
const SECONDS: u64 = 12;

/// The seed of all random choices; the variable `TORTURE_SEED` overrides it.
const SEED: u64 = 1;

/// The process that is not behind the proxy.
const DIRECT: &str = "direct";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_older_than_it_may_be() {
    const NAME: &str = "torture::no_read_is_older_than_it_may_be";
    if role().is_some() {
        return reader::play().await;
    }
    let number = |name, default| {
        env::var(name).map_or(default, |text| text.parse().expect("it is to be a number"))
    };
    let (seconds, seed) = (
        number("TORTURE_SECONDS", SECONDS),
        number("TORTURE_SEED", SEED),
    );
    println!("seed {seed}");
    let mut server = Server::start().await;
    let proxy = Proxy::to(server.port()).await;
    let folder = Folder::create("torture");
    let source = Source::create(folder.path());
    let mut readers = Vec::new();
    for (number, name, url) in [(1, DIRECT, server.url()), (2, "proxied", proxy.url())] {
        let seed = seed.wrapping_add(number);
        readers.push(Reader::start(NAME, name, &url, folder.path(), seed).await);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (url, stop) = (server.url(), Arc::clone(&stop));
        async move { writer::write(url, source, seed, &stop).await }
    });

    let mut victims = Victims {
        server: &mut server,
        proxy: &proxy,
        readers: &readers,
    };
    let faults = faults::run(&mut victims, Duration::from_secs(seconds)).await;
    for reader in &mut readers {
        reader.live().await;
    }
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.expect("the writer does not panic");
    println!("{faults:?}");
    let [keys, groups, everything] = written.publishes;
    println!(
        "published: {keys} times a key, {groups} a prefix, {everything} everything; {} failed",
        written.failures
    );
    assert!(written.publishes.iter().all(|publishes| *publishes > 0) && written.failures > 0);

    let mut verdicts = Vec::new();
    for reader in readers {
        let name = reader.name;
        let report = reader.finish().await;
        for kind in Kind::ALL {
            let bound = kind.bound();
            let verdict = audit(kind, &report.reads, &written.acknowledged, bound);
            println!(
                "{name}, {kind:?}, {:?}: {verdict}",
                Duration::from_nanos(bound)
            );
            verdicts.push((name, kind, verdict));
        }
        println!(
            "{name}: {} hits in the memory of the cache in Redis",
            report.memory_hits
        );
        assert!(report.memory_hits > 0);
    }
    for (name, kind, verdict) in verdicts {
        let first = &verdict.violations[..verdict.violations.len().min(5)];
        assert!(first.is_empty(), "{name}, {kind:?}: {first:#?} …");
        // Without hits and loads, the test would prove nothing.
        let Split { hits, loads } = verdict.live;
        assert!(
            hits > 100 && hits > loads / 10,
            "{name}, {kind:?} does not cache"
        );
        assert!(
            verdict.away.loads > 0,
            "{name}, {kind:?}: the faults went unnoticed"
        );
        assert!(
            !kind.goes_on() || verdict.away.hits > 0,
            "{name}, {kind:?} does not go on"
        );
        // Only a reader behind the proxy can miss what the writer publishes.
        assert!(
            name == DIRECT || verdict.stale > 0,
            "{name}, {kind:?}: nothing was missed"
        );
    }
}
