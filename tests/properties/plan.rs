//! Random sequences of calls.

use proptest::prelude::*;

/// A value; `None` is cached too.
pub(crate) type Value = Option<u64>;
pub(crate) type Key = String;

#[derive(Debug, Clone)]
pub(crate) enum Call {
    Insert(Key, Value),
    Load(Key, Value),
    LoadFails(Key),
    /// During a load, the entry is removed, or another value is inserted.
    LoadOvertaken(Key, Value, Option<Value>),
    Get(Key),
    Contains(Key),
    Remove(Key),
    RemovePrefix(String),
    RetainEven,
    Clear,
    Advance(u64),
}

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// In milliseconds, as all times here.
    pub(crate) ttl: u64,
    pub(crate) negative: Option<u64>,
    /// Whether a value is its own TTL.
    pub(crate) by_value: bool,
    /// In percent.
    pub(crate) jitter: u32,
    pub(crate) stale_on_error: u64,
    pub(crate) calls: Vec<Call>,
}

fn key() -> impl Strategy<Value = Key> {
    (0..3u8, 0..3u8).prop_map(|(a, b)| format!("{a}:{b}"))
}

fn value() -> impl Strategy<Value = Value> {
    prop::option::weighted(0.8, 0..400u64)
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (key(), value()).prop_map(|(key, value)| Call::Insert(key, value)),
        4 => (key(), value()).prop_map(|(key, value)| Call::Load(key, value)),
        2 => key().prop_map(Call::LoadFails),
        2 => (key(), value(), prop::option::of(value()))
            .prop_map(|(key, value, other)| Call::LoadOvertaken(key, value, other)),
        4 => key().prop_map(Call::Get),
        2 => key().prop_map(Call::Contains),
        2 => key().prop_map(Call::Remove),
        1 => "[0-2]:[0-2]?|[0-3]|".prop_map(Call::RemovePrefix),
        1 => Just(Call::RetainEven),
        1 => Just(Call::Clear),
        4 => (1..120u64).prop_map(Call::Advance),
    ]
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let jitter = prop_oneof![3 => Just(0), 1 => 0..90u32];
    let age = prop_oneof![Just(0), 1..200u64];
    let negative = prop::option::of(1..200u64);
    let calls = prop::collection::vec(call(), 0..60);
    (1..300u64, negative, any::<bool>(), jitter, age, calls).prop_map(
        |(ttl, negative, by_value, jitter, stale_on_error, calls)| Plan {
            ttl,
            negative,
            by_value,
            jitter,
            stale_on_error,
            calls,
        },
    )
}
