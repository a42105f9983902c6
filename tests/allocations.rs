//! Decoding allocates only what the event owns.
//!
//! A test binary of its own, because counting replaces the allocator.

#[path = "../examples/events/mod.rs"]
mod events;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};

use allocation_counter::measure;
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};

use events::{ConfigCascadeEvent, DenylistEvent, SystemSettingsEvent, UserEvent};

#[cache_invalidation(channel = "cache:allocations", event = UserEvent)]
struct Users;

fn allocations<E: InvalidationEvent>(payload: &str) -> u64 {
    let decode = || black_box(E::decode(black_box(payload.as_bytes())).expect("an event"));
    drop(decode());
    measure(|| drop(decode())).count_total
}

#[test]
fn a_string_is_one_allocation() {
    for payload in [
        r#"{"type":"user","discordId":"123456789012345678"}"#,
        r#"{"discordId":"123456789012345678","type":"user"}"#,
        r#"{ "type" : "user" , "discordId" : "123456789012345678" }"#,
        r#"{"t\u0079pe":"us\u0065r","discord\u0049d":"\u00312345678 \ud83d\ude00"}"#,
    ] {
        assert_eq!(allocations::<UserEvent>(payload), 1, "{payload}");
    }
}

#[test]
fn an_event_without_fields_is_none() {
    for payload in [r#"{"type":"admin"}"#, r#" { "t\u0079pe" : "admin" } "#] {
        assert_eq!(allocations::<ConfigCascadeEvent>(payload), 0, "{payload}");
    }
}

#[test]
fn a_nested_value_is_one_for_each_string() {
    let entry =
        r#"{"type":"a","discordId":"b","scope":"c","scopeId":"d","mode":"e","extra":["f"]}"#;
    for payload in [
        format!(r#"{{"type":"add","entry":{entry}}}"#),
        format!(r#"{{"entry":{entry}, "type":"add"}}"#),
    ] {
        assert_eq!(allocations::<DenylistEvent>(&payload), 5, "{payload}");
    }
}

#[test]
fn a_list_is_one_more() {
    let payload = r#"{"type":"keys","keys":["a","b","c"]}"#;
    assert_eq!(allocations::<SystemSettingsEvent>(payload), 4);
}

#[test]
fn encoding_into_a_buffer_is_none() {
    let event = UserEvent::User {
        discord_id: "123456789012345678".to_owned(),
    };
    let mut buffer = Vec::with_capacity(100);
    let info = measure(|| event.encode_into(black_box(&mut buffer)).expect("JSON"));
    assert_eq!(info.count_total, 0);
}

#[test]
fn publishing_is_one_for_the_payload() {
    let bus = Bus::in_process();
    let users = Users::new(&bus);
    let event = UserEvent::User {
        discord_id: "123456789012345678".to_owned(),
    };
    let publish = || {
        // Without a cache in Redis, publishing waits for nothing.
        let mut publishing = pin!(users.publish(black_box(&event)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(publishing.as_mut().poll(&mut cx).is_ready());
    };
    publish();
    assert_eq!(measure(publish).count_total, 1);
}
