//! How an audit looks.

use super::super::table::Length;
use super::*;

/// A place that does not change with this file.
fn at(line: u32) -> Place {
    Place {
        file: "src/caches.rs",
        line,
    }
}

fn sample() -> Audit {
    let mut activations = coherent(
        "activations",
        "cache:channel-activation-invalidation",
        &Health::Live,
        [(12, 12), (2, 0), (1, 1)],
    );
    activations.ttl = Some(Duration::from_secs(30));
    activations.bound = Bound::Entries(10_000);
    activations.entries = Some(1234);
    (activations.hits, activations.misses) = (2, 1);
    let mut models = cache("models", Kind::Redis);
    models.ttl = Some(Duration::from_secs(24 * 3600));
    models.entries = None;
    models.bound = Bound::Ttl;
    models.state = State::Bypassing("the server cannot be reached: connection refused".to_owned());
    let channel = channel(
        "cache:channel-activation-invalidation",
        [(Health::Live, stats(14, 3), 1)],
    );
    let mut audit = audit(
        vec![activations, models, cache("notified", Kind::Cooldown)],
        &[channel, self::channel("cache:other", [])],
    );
    for (row, line) in audit.rows.iter_mut().zip([10, 200, 3000]) {
        row.place = at(line);
    }
    audit
}

#[test]
fn it_fits_a_terminal() {
    let expected = "\
CACHE        KIND        TTL   BOUND  ENTRIES  HITS  RISK   STATE      BUILT AT
activations  coherent   30 s  10,000    1,234  67 %  none   live       src/caches.rs:10
    evicted by cache:channel-activation-invalidation: user, all, but not by renamed
    no risk: events evict changed values on every instance
models       redis      24 h     TTL        -     -  none   bypassing  src/caches.rs:200
    no risk: all instances share Redis
    bypassing: the server cannot be reached: connection refused
notified     cooldown  1 min   1,000        0     -  minor  local      src/caches.rs:3000
    minor risk: local is correct for a limit per instance; n instances allow n times as much

CHANNEL                                STATE   RECEIVED  PUBLISHED  REJECTED  DECLARED AT
cache:channel-activation-invalidation  live          14          3         0  src/services.rs:7
    events: user, renamed, all
    evicts from activations
cache:other                            unused         0          0         0  src/services.rs:7
    events: user, renamed, all
    no bus of this process has it: bot::Users is not built

FLAGS
minor: cache:channel-activation-invalidation: event `renamed` evicts nothing: for it, `evict_on` of
  `activations` returns `Evict::Nothing`, and nothing else subscribes here. Say what it evicts, or
  do not publish it
";
    let audit = sample().to_string();
    assert_eq!(audit, expected, "\n{audit}");
}

#[test]
fn a_narrower_one_has_the_places_below() {
    let audit = format!("{:60}", sample());
    let lines: Vec<_> = audit.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "CACHE        KIND        TTL   BOUND  ENTRIES  HITS  RISK   STATE",
            "activations  coherent   30 s  10,000    1,234  67 %  none   live",
            "    built at src/caches.rs:10",
            "    evicted by cache:channel-activation-invalidation: user,",
            "      all, but not by renamed",
        ],
        "\n{audit}"
    );
}

#[test]
fn nothing_is_said_of_nothing() {
    assert_eq!(
        audit(Vec::new(), &[]).to_string(),
        "no caches and no channels\n"
    );
}

#[test]
fn lengths_are_short() {
    let secs = Duration::from_secs;
    for (length, expected) in [
        (secs(0), "0 ms"),
        (Duration::from_micros(10), "0 ms"),
        (Duration::from_millis(500), "500 ms"),
        (Duration::from_millis(1500), "1 s 500 ms"),
        (secs(60), "1 min"),
        (secs(90), "1 min 30 s"),
        (secs(3600), "1 h"),
        (secs(24 * 3600), "24 h"),
        (secs(36 * 3600 + 61), "36 h 1 min"),
        (secs(48 * 3600 - 1), "47 h 59 min"),
        (secs(48 * 3600 + 5), "2 d 5 s"),
        (secs(50 * 3600 + 61), "2 d 2 h"),
    ] {
        assert_eq!(Length(length).to_string(), expected);
    }
}
