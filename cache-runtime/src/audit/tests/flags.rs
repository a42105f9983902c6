//! What is flagged, and what is not.

use super::*;
use crate::audit::{Reloads, Risk};
use crate::health::Cause;

const USERS: &str = "cache:users";

fn live(subscribers: usize) -> [(Health, ChannelStats, usize); 1] {
    [(Health::Live, stats(3, 0), subscribers)]
}

#[test]
fn a_coherent_cache_whose_channel_is_not_live() {
    let names = coherent(
        "names",
        USERS,
        &Health::Down(Cause::Disconnected),
        [(1, 1); 3],
    );
    let audit = audit(vec![names], &[]);
    assert_eq!(
        flags(&audit),
        [
            "critical: names: channel `cache:users` is not live: the connection ended; until it is, \
             every read loads, and nothing is stored. The error of `bus.ready()` says what to \
             change"
        ]
    );
    // Slow but correct.
    assert_eq!(audit.rows()[0].risk, super::super::Risk::None);
    assert_eq!(
        audit.rows()[0].state.to_string(),
        "bypassing: the connection ended"
    );
}

#[test]
fn a_cache_that_is_read_although_its_channel_is_not_live() {
    let mut names = coherent("names", USERS, &Health::Connecting, [(1, 1); 3]);
    names.state = State::of(&Health::Connecting, true);
    let audit = audit(vec![names], &[]);
    let text = flags(&audit).concat();
    assert!(
        text.contains("it is read all the same, and its values may be stale"),
        "{text}"
    );
    assert!(text.contains("not live: the bus is connecting;"), "{text}");
    assert_eq!(audit.rows()[0].risk, super::super::Risk::Critical);
}

#[test]
fn a_cache_in_redis_is_flagged_only_if_it_reads_less_while_its_channel_is_not_live() {
    let mut texts = coherent("texts", USERS, &Health::Connecting, [(1, 1); 3]);
    texts.kind = Kind::CoherentRedis;
    // It keeps nothing in memory, and publishers delete in Redis.
    texts.state = State::Live;
    assert_eq!(flags(&audit(vec![texts], &[])), [""; 0]);

    let mut texts = coherent("texts", USERS, &Health::Connecting, [(1, 1); 3]);
    texts.kind = Kind::CoherentRedis;
    let text = flags(&audit(vec![texts], &[])).concat();
    assert!(text.contains("its memory is not read"), "{text}");
}

#[test]
fn a_channel_in_which_nothing_was_published() {
    let silent = coherent("names", USERS, &Health::Live, [(0, 0); 3]);
    let text = "minor: names: nothing was published or received in channel `cache:users` yet; \
                check that every change of a value is published afterwards";
    assert_eq!(flags(&audit(vec![silent], &[])), [text]);

    let mut publishing = coherent("names", USERS, &Health::Live, [(0, 0); 3]);
    publishing.evicted_by[0].stats = stats(0, 1);
    assert_eq!(flags(&audit(vec![publishing], &[])), [""; 0]);
    let receiving = coherent("names", USERS, &Health::Live, [(1, 1), (0, 0), (0, 0)]);
    assert_eq!(flags(&audit(vec![receiving], &[])), [""; 0]);
}

#[test]
fn a_channel_whose_events_are_not_taken() {
    let mut users = channel(USERS, live(1));
    users.uses[0].stats.deferred = 5;
    users.uses[0].stats.resent = 2;
    users.uses[0].stuck = Some((MINUTE, Cause::Disconnected));
    let text = "critical: cache:users: events in the outbox: 3. For 1 min the server has not taken \
                them: the connection ended. Until it does, other instances may serve what they \
                evict";
    assert_eq!(flags(&audit(vec![], &[users.clone()])), [text]);

    let mut quick = users.clone();
    quick.uses[0].stuck = Some((Duration::from_secs(1), Cause::Disconnected));
    assert_eq!(flags(&audit(vec![], &[quick])), [""; 0]);
    users.uses[0].stats.resent = 5;
    assert_eq!(flags(&audit(vec![], &[users])), [""; 0]);
}

#[test]
fn ttl_caches_of_one_name_in_this_process() {
    let caches = vec![
        cache("suggestions", Kind::Ttl),
        cache("suggestions", Kind::Ttl),
        cache("other", Kind::Ttl),
        cache("suggestions", Kind::Cooldown),
    ];
    let second = caches[1].place;
    let audit = audit(caches, &[]);
    let found = flags(&audit);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0],
        format!(
            "minor: suggestions: another TTL cache of this process has this name (built at \
             {second}), and their values may differ for up to 1 min. Take a `CoherentCache` if that \
             is wrong, and another name if they hold different things",
            second = Place::from(second)
        )
    );
}

#[test]
fn a_ttl_cache_whose_name_other_instances_use() {
    let caches = || vec![cache("suggestions", Kind::Ttl), cache("other", Kind::Ttl)];
    let peer = peer(r#"{"instance":"bot-7\n","ttlCaches":["suggestions","more"],"evicts":{}}"#);
    let found = flags(&assemble(caches(), &[], &[peer.unwrap()]));
    assert_eq!(
        found,
        [
            "minor: suggestions: other instances have a TTL cache of this name: `bot-7\\n` (3 min \
             ago); their values may differ for up to 1 min. Take a `CoherentCache` if that is \
             wrong, and another name if they hold different things"
        ]
    );
    assert_eq!(flags(&audit(caches(), &[])), [""; 0]);
}

#[test]
fn rejected_records() {
    for record in [
        "",
        "[]",
        r#"{"instance":1,"ttlCaches":[],"evicts":{}}"#,
        r#"{"instance":"a","ttlCaches":[1],"evicts":{}}"#,
        r#"{"instance":"a","ttlCaches":[],"evicts":{"c":"user"}}"#,
        r#"{"instance":"a","ttlCaches":[]}"#,
    ] {
        assert!(peer(record).is_none(), "{record}");
    }
}

#[test]
fn an_event_that_evicts_nothing() {
    let caches = || {
        vec![
            coherent("names", USERS, &Health::Live, [(1, 1), (2, 0), (0, 0)]),
            coherent("teams", USERS, &Health::Live, [(1, 0), (2, 0), (0, 0)]),
            // Another channel's event of the same name.
            coherent(
                "guilds",
                "cache:guilds",
                &Health::Live,
                [(1, 1), (1, 1), (1, 1)],
            ),
        ]
    };
    let found = flags(&audit(caches(), &[channel(USERS, live(2))]));
    assert_eq!(
        found,
        [
            "minor: cache:users: event `renamed` evicts nothing: for it, `evict_on` of `names`, \
             `teams` returns `Evict::Nothing`, and nothing else subscribes here. Say what it \
             evicts, or do not publish it"
        ]
    );
    // Two services of one channel: once is enough.
    let twice = &[channel(USERS, live(2)), channel(USERS, live(2))];
    assert_eq!(flags(&audit(caches(), twice)).len(), 1);
    // It is not known what a handler does with it.
    let handled = audit(caches(), &[channel(USERS, live(3))]);
    assert_eq!(flags(&handled), [""; 0]);
    // It evicts elsewhere.
    let peer = |channel: &str| {
        let record =
            format!(r#"{{"instance":"a","ttlCaches":[],"evicts":{{"{channel}":["renamed"]}}}}"#);
        peer(&record).unwrap()
    };
    let elsewhere = |name| assemble(caches(), &[channel(USERS, live(2))], &[peer(name)]);
    assert_eq!(flags(&elsewhere(USERS)), [""; 0]);
    assert_eq!(flags(&elsewhere("cache:guilds")).len(), 1);
}

#[test]
fn everything_evicts_nothing() {
    let names = coherent("names", USERS, &Health::Live, [(1, 1), (0, 0), (1, 0)]);
    let found = flags(&audit(vec![names], &[channel(USERS, live(1))]));
    assert_eq!(
        found,
        [
            "critical: cache:users: event `all` is the one that flushes, but evicts nothing from \
             `names`: the closure given to `evict_on` must return `Evict::All` for it"
        ]
    );
}

#[test]
fn channels_that_nothing_is_wrong_with() {
    let channels = [
        channel("cache:unused", []),
        channel("cache:publishing", [(Health::Idle, stats(0, 5), 0)]),
    ];
    assert_eq!(flags(&audit(Vec::new(), &channels)), [""; 0]);
}

#[test]
fn a_channel_for_which_another_instance_has_other_events() {
    let record = |schema: &str| {
        let schemas = format!(r#""schemas":{{"cache:users":"{schema}","cache:others":"there"}}"#);
        peer(&format!(
            r#"{{"instance":"bot-7","ttlCaches":[],"evicts":{{}},{schemas}}}"#
        ))
        .unwrap()
    };
    let found = |peer| flags(&assemble(Vec::new(), &[channel(USERS, live(1))], &[peer]));
    let text = "minor: cache:users: instance `bot-7` (3 min ago) has other events: their fingerprint \
                is there, and here here. What one of them does not know, it rejects. That ends with a \
                deployment that is under way";
    assert_eq!(found(record("there")), [text]);
    assert_eq!(found(record("here")), [""; 0]);
}

/// The error of a loader may say anything.
#[test]
fn the_error_of_a_load_is_shown_in_one_line() {
    let mut texts = cache("texts", Kind::Redis);
    texts.reloads = Some(Reloads {
        failures: 2,
        failing_for: Some(MINUTE),
        error: Some(format!("no\u{1b}[2J\nline{}", "!".repeat(10_000))),
        ..Reloads::default()
    });
    let audit = audit(vec![texts], &[]);
    let flag = flags(&audit).concat();
    assert!(flag.starts_with("minor: texts: "), "{flag}");
    assert!(flag.contains("because: no\\u{1b}[2J\\nline!!!"), "{flag}");
    let table = audit.to_string();
    assert!(table.contains("no\\u{1b}[2J\\nline!!!"), "{table}");
    assert!(flag.len() < 600 && table.len() < 2_000, "{table}");
}

/// It keeps a value that an event has made stale. Of other caches, the event has evicted it.
#[test]
fn loads_that_fail_are_critical_for_a_snapshot_with_events() {
    let risk = |kind| {
        let mut names = coherent("names", USERS, &Health::Live, [(1, 1); 3]);
        names.kind = kind;
        names.reloads = Some(Reloads {
            failures: 1,
            failing_for: Some(MINUTE),
            error: Some("no".to_owned()),
            ..Reloads::default()
        });
        let audit = audit(vec![names], &[]);
        let mut flags = audit.flags().filter(|flag| flag.text.contains("because"));
        flags.next().unwrap().risk
    };
    assert_eq!(risk(Kind::Snapshot), Risk::Critical);
    assert_eq!(risk(Kind::CoherentRedis), Risk::Minor);
}
