//! Pauses of the process itself: what was evicted meanwhile must not be served.

use std::env;
use std::path::Path;
use std::thread;
use std::time::Duration;

use support::{Child, Server, eventually, role};

use crate::caches::{Caches, Items, Kind, bus};
use crate::clock::{Nanos, now};
use crate::source::{Folder, Source, keys};

/// The only key that is read.
const KEY: usize = 0;

/// Reads before anything happens to the process.
const ROUNDS: u64 = 100;

/// What happens to the process that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plight {
    /// It is stopped, and resumed when no cache may serve the old value any more.
    Stopped,
    /// Its only thread is so busy that it receives nothing.
    Busy,
}

#[tokio::test]
async fn of_the_process_does_not_make_caches_serve_on_waking() {
    const NAME: &str = "pause::of_the_process_does_not_make_caches_serve_on_waking";
    play(NAME, Plight::Stopped).await;
}

#[tokio::test]
async fn of_the_receiving_task_does_not_make_caches_serve() {
    const NAME: &str = "pause::of_the_receiving_task_does_not_make_caches_serve";
    play(NAME, Plight::Busy).await;
}

/// Runs a test. Events are received by the thread that reads, so only the read itself can notice
/// that the proof has ended.
async fn play(name: &str, plight: Plight) {
    if role().is_some() {
        return read().await;
    }
    let server = Server::start().await;
    let folder = Folder::create(&format!("{plight:?}"));
    let source = Source::create(folder.path());
    let items = Items::new(&bus(&server.url()).connect().await.unwrap());
    let path = folder.path().to_str().expect("the path is text");
    let mut child = Child::same_test(name, "reader", &[("URL", &server.url()), ("FOLDER", path)]);
    child.says("reading").await;

    if plight == Plight::Stopped {
        child.freeze();
    }
    source.write(KEY, &[1]);
    items.invalidate_item(&keys()[KEY]).await.unwrap();
    let evicted = now();
    if plight == Plight::Stopped {
        let longest = Kind::ALL
            .map(Kind::bound)
            .into_iter()
            .max()
            .unwrap_or_default();
        let over = async || now() > evicted + longest;
        eventually("the time to pass", over, |over| *over).await;
        child.thaw();
    }

    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Redis) {
        let line = child.says(&format!("{kind:?}")).await;
        let numbers = line.split(' ').skip(1);
        let numbers: Vec<Nanos> = numbers.map(|number| number.parse().unwrap()).collect();
        let [hits, last] = numbers[..] else {
            panic!("{line}");
        };
        assert!(hits > 0, "{kind:?} does not cache");
        let age = Duration::from_nanos(last.saturating_sub(evicted));
        println!("{plight:?}, {kind:?}: {hits} hits, the last {age:?} after the eviction");
        assert!(
            last < evicted + kind.bound(),
            "{kind:?} serves what was evicted"
        );
    }
    child.says("found 1").await;
    assert!(child.finish().await.success());
}

/// Reads the cached values until none is served any more, without awaiting anything.
async fn read() {
    let caches = Caches::start(bus(&env::var("URL").unwrap())).await;
    let source = Source::open(Path::new(&env::var("FOLDER").unwrap()));
    let key = &keys()[KEY];
    let mut serving = Vec::new();
    for kind in Kind::ALL {
        let Some(cache) = caches.coherent(kind) else {
            continue;
        };
        let load = async || cache.get_or_load(key, async || source.read(KEY)).await;
        let get = async || (load().await, cache.get(key));
        eventually("the value to be cached", get, |(_, found)| {
            *found == Some(0)
        })
        .await;
        serving.push((kind, cache, 0, 0));
    }
    let mut served = Vec::new();
    let mut rounds = 0;
    while !serving.is_empty() {
        rounds += 1;
        if rounds == ROUNDS {
            println!("reading");
        }
        let at = now();
        serving.retain_mut(|(kind, cache, hits, last)| {
            let hit = cache.get(key) == Some(0);
            if hit {
                (*hits, *last) = (*hits + 1, at);
            } else {
                served.push((*kind, *hits, *last));
            }
            hit
        });
        // No `await`, so that no event is received.
        thread::yield_now();
    }
    served.sort_unstable();
    for (kind, hits, last) in served {
        println!("{kind:?} {hits} {last}");
    }
    for cache in [&caches.bypass, &caches.serve_for, &caches.serve_until_ttl] {
        assert_eq!(cache.get_or_load(key, async || source.read(KEY)).await, 1);
    }
    println!("found 1");
}
