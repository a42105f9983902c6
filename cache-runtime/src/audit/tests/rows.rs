//! What becomes a row, and in which order.

use serde_json::{Value, json};

use super::super::Risk;
use super::*;
use crate::health::Cause;

#[test]
fn the_order_is_by_name_then_channels() {
    let caches = vec![
        cache("b", Kind::Ttl),
        cache("a", Kind::Cooldown),
        cache("a", Kind::Coherent),
    ];
    let audit = audit(caches, &[channel("a", [])]);
    let rows = audit.rows().iter();
    let order: Vec<_> = rows.map(|row| (row.name.as_str(), row.kind)).collect();
    assert_eq!(
        order,
        [
            ("a", Kind::Coherent),
            ("a", Kind::Cooldown),
            ("b", Kind::Ttl),
            ("a", Kind::Channel),
        ]
    );
}

#[test]
fn the_risk_is_that_of_the_kind() {
    for (kind, risk) in [
        (Kind::Coherent, Risk::None),
        (Kind::CoherentRedis, Risk::None),
        (Kind::Redis, Risk::Minor),
        (Kind::Dedup, Risk::None),
        (Kind::Ttl, Risk::Minor),
        (Kind::Cooldown, Risk::Minor),
    ] {
        let audit = audit(vec![cache("a", kind)], &[]);
        assert_eq!(audit.rows()[0].risk, risk, "{kind}");
        assert!(!audit.rows()[0].why.is_empty(), "{kind}");
    }
    let mut without_memory = cache("a", Kind::Redis);
    without_memory.entries = None;
    let audited = audit(vec![without_memory], &[]);
    assert_eq!(audited.rows()[0].risk, Risk::None);
    let ttl = audit(vec![cache("a", Kind::Ttl)], &[]);
    assert_eq!(
        ttl.rows()[0].why,
        "an instance may be behind another by up to 1 min"
    );
}

#[test]
fn a_channel_is_as_live_as_the_worst_bus_with_subscribers() {
    let idle = || (Health::Idle, stats(0, 1), 0);
    let live = || (Health::Live, stats(2, 0), 1);
    let down = || (Health::Down(Cause::LeaseExpired), stats(4, 0), 2);
    let why = "no canary came back within the lease";
    for (uses, state) in [
        (vec![], State::Unused),
        (vec![idle()], State::Idle),
        (vec![idle(), live()], State::Live),
        (vec![down()], State::Down(why.to_owned())),
        (
            vec![idle(), live(), down()],
            State::Down(format!("{why} (on 1 of 3 buses)")),
        ),
    ] {
        let audit = audit(Vec::new(), &[channel("c", uses)]);
        assert_eq!(audit.rows()[0].state, state);
    }
    let audit = audit(Vec::new(), &[channel("c", [idle(), live(), down()])]);
    let traffic = audit.rows()[0].channel.as_ref().unwrap();
    assert_eq!(traffic.subscribers, 3);
    assert_eq!((traffic.stats.received, traffic.stats.published), (6, 1));
    assert_eq!(
        (&*traffic.events, traffic.all),
        (&["user", "renamed", "all"][..], "all")
    );
}

#[test]
fn a_channel_names_the_caches_on_its_buses() {
    let named = |channel: &Audit| channel.rows()[2].channel.as_ref().unwrap().caches.clone();
    let mut elsewhere = coherent("elsewhere", "c", &Health::Live, [(1, 1); 3]);
    elsewhere.bus = Some(9);
    let caches = vec![coherent("here", "c", &Health::Live, [(1, 1); 3]), elsewhere];
    let audit = audit(caches, &[channel("c", [(Health::Live, stats(1, 0), 1)])]);
    assert_eq!(named(&audit), ["here"]);
}

#[test]
fn the_hit_ratio_needs_a_read() {
    let mut caches = vec![cache("a", Kind::Ttl), cache("b", Kind::Ttl)];
    (caches[1].hits, caches[1].misses) = (3, 1);
    let audit = audit(caches, &[]);
    let ratios: Vec<_> = audit
        .rows()
        .iter()
        .map(super::super::Row::hit_ratio)
        .collect();
    assert_eq!(ratios, [None, Some(0.75)]);
}

#[test]
fn json_holds_the_same() {
    let names = coherent("names", "c", &lost(), [(2, 1), (0, 0), (0, 0)]);
    let mut weighed = cache("weighed", Kind::Ttl);
    (weighed.hits, weighed.misses, weighed.bound) = (3, 1, Bound::Weight(64));
    let place = names.place;
    let mut audit = audit(
        vec![names, weighed],
        &[channel("c", [(lost(), stats(2, 1), 1)])],
    );
    let json: Value = serde_json::from_str(&audit.to_json()).unwrap();
    assert_eq!(json, serde_json::to_value(&audit).unwrap());
    let flags = std::mem::take(&mut audit.rows[0].flags);
    assert_eq!(
        json["rows"][0],
        json!({
            "name": "names",
            "kind": "coherent",
            "file": place.file(),
            "line": place.line(),
            "ttlMs": 60000,
            "bound": { "entries": 1000 },
            "entries": 0,
            "hits": 0,
            "misses": 0,
            "hitRatio": null,
            "evictions": null,
            "evictedBy": [{
                "channel": "c",
                "events": [
                    { "event": "user", "applied": 2, "evicted": 1 },
                    { "event": "renamed", "applied": 0, "evicted": 0 },
                    { "event": "all", "applied": 0, "evicted": 0 },
                ],
            }],
            "risk": "none",
            "why": "events evict changed values on every instance",
            "state": "bypassing",
            "reason": "the server cannot be reached: refused",
            "channel": null,
            "reloads": null,
            "flags": [{ "about": "names", "risk": "critical", "text": flags[0].text }],
        })
    );
    assert_eq!(json["rows"][1]["hitRatio"], 0.75);
    assert_eq!(json["rows"][1]["bound"], json!({ "weight": 64 }));
    let traffic = &json["rows"][2]["channel"];
    assert_eq!(json["rows"][2]["state"], "down");
    assert_eq!(
        (&traffic["received"], &traffic["published"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(traffic["caches"], json!(["names"]));
    assert_eq!(traffic["service"], "bot::Users");
}
