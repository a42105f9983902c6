//! The rows of an audit.

use cache_runtime::audit::{Bound, Kind, Risk, State};
use cache_runtime::dedup::Reservation;
use cache_runtime::{Dedup, audit};

use crate::Backend;

pub(crate) async fn an_audit_lists_it(on: Backend) {
    // Other tests of this process have rows of their own.
    let name = match on.server {
        None => "audited.in-process",
        Some(_) => "audited.redis",
    };
    let row = || {
        let audit = audit();
        audit.rows().iter().find(|row| row.name == name).cloned()
    };
    assert!(row().is_none());
    let dedup = Dedup::builder(&on.bus, name).build().unwrap();
    for (owner, expected) in [("Ada", true), ("Bea", false), ("Cid", false)] {
        let reservation = dedup.reserve("1", owner).await.unwrap();
        assert_eq!(reservation == Reservation::Reserved, expected);
    }
    let found = row().expect("it was built");
    assert_eq!((found.kind, found.risk), (Kind::Dedup, Risk::None));
    assert_eq!((found.bound, found.entries), (Bound::Ttl, None));
    assert_eq!((found.hits, found.misses), (2, 1));
    assert_eq!(found.state, State::Live);
    assert!(found.place.file.ends_with("audited.rs"), "{}", found.place);

    on.bus.close().await;
    dedup.reserve("1", "Ada").await.unwrap_err();
    let found = row().expect("it is still there");
    assert_eq!(found.state, State::Down("the bus is closed".to_owned()));
    drop(dedup);
    assert!(row().is_none());
}
