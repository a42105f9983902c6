//! Entries of a cache in memory. Each number of them is measured in a process of its own, which has not
//! freed memory before.

use std::env;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::{Bus, CoherentCache, Evict};
use tokio::time::sleep;

use crate::number::{float, millis, size};
use crate::process::{Process, Role, cpu_of_this_thread};
use crate::table::Table;
use crate::{UserEvent, Users, scale};

/// All entries share one value: its count shows when the last one is dropped.
type Cache = CoherentCache<u64, Arc<u64>>;

const HITS: u64 = 2_000_000;

pub(crate) async fn run() {
    let mut table = Table::new(
        "entries",
        &[
            "entries",
            "memory, B an entry",
            "hit, ns of CPU",
            "`All`, ms",
            "`All`, until the memory is free, ms",
        ],
    );
    let numbers = scale("ENTRIES", 10_000_000);
    for number in numbers.into_iter().filter(|number| *number >= 1_000) {
        let mut child = Role::Entries.start(&[("NUMBER", &number.to_string())]);
        let line = child.says("measured").await;
        let figures = line.split(' ').skip(1);
        let mut row = vec![float(number)];
        row.extend(figures.map(|figure| figure.parse::<f64>().expect("a number")));
        table.row(&row);
        assert!(child.finish().await.success());
    }
    table.draw(&[&[1], &[2], &[3, 4]]);
}

pub(crate) async fn play() {
    let number = env::var("NUMBER").expect("`run` sets it");
    let number: u64 = number.parse().expect("a number");
    // A busy machine must not make the cache go down.
    let bus = Bus::local().lease(Duration::from_hours(1)).connect().await;
    let bus = bus.expect("there is no server");
    let users = Users::new(&bus);
    let before = Process::this().resident();
    let cache = Cache::builder("users", Duration::from_hours(1));
    let cache = cache.max_entries(size(number + number / 4));
    let cache = cache.evict_on(&users, |event| match event {
        UserEvent::User { user_id } => Evict::key(*user_id),
        UserEvent::All => Evict::All,
    });
    let cache = cache.build().expect("usable settings");
    bus.ready().await.expect("an in-process bus");
    let value = Arc::new(0);
    for key in 0..number {
        let load = cache.begin_load(&key);
        load.store(Arc::clone(&value)).expect("nothing evicts it");
    }
    assert_eq!(cache.len() as u64, number);
    let memory = (Process::this().resident() - before) / float(number);
    let hit = hit(&cache, number);
    let begun = Instant::now();
    let published = users.invalidate_all().await;
    published.expect("an in-process bus");
    let all = millis(begun.elapsed());
    assert!(cache.get(&0).is_none());
    while Arc::strong_count(&value) > 1 {
        sleep(Duration::from_millis(1)).await;
    }
    let free = millis(begun.elapsed());
    println!("measured {memory} {hit} {all} {free}");
}

/// The time of a hit of any key, in nanoseconds.
fn hit(cache: &Cache, number: u64) -> f64 {
    let begun = cpu_of_this_thread();
    let mut random = 1_u64;
    for _ in 0..HITS {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let key = (random >> 32) % number;
        assert!(black_box(cache.get(&key)).is_some(), "it was stored");
    }
    1e9 * (cpu_of_this_thread() - begun) / float(HITS)
}
