#!/usr/bin/env bash
# What an event enum adds to the time of `cargo check` and `cargo build`, against serde's derive.
#
#   bash cache-runtime/benches/compile_cost.sh [rounds]
#
# Compiles three generated crates of 100 enums with five variants each: without a derive (the
# baseline), with ours, and with serde's, internally tagged. They are compiled in turn, several
# rounds. A figure is the median of the rounds minus the baseline's, divided by the number of enums.
# No time makes the script fail. Needs bash 5.
set -euo pipefail

rounds=${1:-5}
enums=100
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${CARGO_TARGET_DIR:-$root/target}/compile-cost
export CARGO_TARGET_DIR=$work/target CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never

crate() { # name, dependencies, what stands before an enum, a line for each enum
    mkdir -p "$work/$1/src"
    cat >"$work/$1/Cargo.toml" <<TOML
[package]
name = "$1"
version = "0.0.0"
edition = "2024"

[dependencies]
$2
TOML
    for ((n = 0; n < enums; n++)); do
        cat <<RUST
$3
pub enum Event$n {
    Channel { channel_id: String },
    Guild { guild_id: String },
    User { user_id: String, guild_id: String },
    Role { guild_id: String, role_id: String, position: u32, hoist: bool },
    All,
}
${4//@/$n}
RUST
    done >"$work/$1/src/lib.rs"
}

mkdir -p "$work"
cat >"$work/Cargo.toml" <<TOML
[workspace]
members = ["plain", "ours", "theirs"]
resolver = "3"
TOML
cp "$root/Cargo.lock" "$work/Cargo.lock"
crate plain "" "#[derive(Debug)]" ""
# The calls instantiate serde's generic code. Ours exists without them.
crate ours "cache-runtime = { path = \"$root/cache-runtime\", default-features = false }" \
    "#[derive(Debug, cache_runtime::InvalidationEvent)]" \
    "pub fn decode_@(json: &[u8]) -> Option<Event@> { cache_runtime::InvalidationEvent::decode(json).ok() }
pub fn encode_@(event: &Event@) -> Option<Vec<u8>> { cache_runtime::InvalidationEvent::encode(event).ok() }"
crate theirs 'serde = { version = "1", features = ["derive"] }
serde_json = "1"' \
    '#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]' \
    "pub fn decode_@(json: &[u8]) -> Option<Event@> { serde_json::from_slice(json).ok() }
pub fn encode_@(event: &Event@) -> Option<Vec<u8>> { serde_json::to_vec(event).ok() }"

compile() { # check or build, crate
    touch "$work/$2/src/lib.rs"
    (cd "$work" && cargo "$1" --quiet --package "$2")
}

micros() { # check or build, crate: how long it takes
    local start=${EPOCHREALTIME/[.,]/}
    compile "$1" "$2"
    echo $((${EPOCHREALTIME/[.,]/} - start))
}

median() { sort -n "$1" | sed -n "$((rounds / 2 + 1))p"; }

# Microseconds as milliseconds with two decimals.
per_enum() { awk -v total="$1" -v enums="$enums" 'BEGIN { printf "%.2f", total / enums / 1000 }'; }

for how in check build; do
    for name in plain ours theirs; do
        compile "$how" "$name"
        : >"$work/$name.$how"
    done
    for ((round = 0; round < rounds; round++)); do
        for name in plain ours theirs; do
            micros "$how" "$name" >>"$work/$name.$how"
        done
    done
    base=$(median "$work/plain.$how")
    ours=$(($(median "$work/ours.$how") - base))
    theirs=$(($(median "$work/theirs.$how") - base))
    # Times depend on the machine. The goals are ratios: 6 ms against 34 ms for check, and 12 ms
    # against 105 ms for build.
    goal=$([ "$how" = check ] && echo 5.7 || echo 8.8)
    echo "derive $how ms per enum = $(per_enum "$ours"), serde's $(per_enum "$theirs")"
    ratio=$(awk -v ours="$ours" -v theirs="$theirs" 'BEGIN { printf "%.2f", theirs / ours }')
    echo "ratio derive_$how = $ratio (goal >= $goal)"
done
