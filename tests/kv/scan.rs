//! Counting keys.

use cache_runtime::__private::Keyspace;

use crate::backend::{Backend, LONG, SHORT, gone};

async fn set(kv: &Keyspace, key: &str) {
    kv.set(key, b"value", LONG).await.unwrap();
}

pub(crate) async fn every_key_that_begins_so_is_counted_once(on: Backend) {
    assert_eq!(on.kv.count("a:").await, Ok(0));
    // More keys than one step of the scan covers, among other keys.
    for n in 0..3000 {
        set(&on.kv, &format!("a:{n}")).await;
        set(&on.kv, &format!("b:{n}")).await;
    }
    for key in ["a", "a;", "A:1", " a:1", "aa:1"] {
        set(&on.kv, key).await;
    }
    assert_eq!(on.kv.count("a:").await, Ok(3000));
    assert_eq!(on.kv.count("a:2").await, Ok(1111));
    assert_eq!(on.kv.count("").await, Ok(6005));
}

pub(crate) async fn patterns_are_no_patterns(on: Backend) {
    let prefixes = [
        "a*:", "a?:", "a[bc]:", "a[^b]:", "a[a-c]:", "a\\:", "a\\*:", "ab:", "a]:", "[:", "{a}:",
    ];
    for prefix in prefixes {
        for key in ["", "1", "*"] {
            set(&on.kv, &format!("{prefix}{key}")).await;
        }
    }
    for prefix in prefixes {
        assert_eq!(on.kv.count(prefix).await, Ok(3), "{prefix}");
    }
    assert_eq!(on.kv.count("a*:*").await, Ok(1));
}

pub(crate) async fn what_has_expired_is_not_counted(on: Backend) {
    set(&on.kv, "a:long").await;
    on.kv.set("a:short", b"value", SHORT).await.unwrap();
    gone(&on.kv, "a:short").await;
    assert_eq!(on.kv.count("a:").await, Ok(1));
}
