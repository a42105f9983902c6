#!/usr/bin/env bash
# Checks that both crates compile with the oldest Rust version that Cargo.toml declares: first in
# this workspace, with the dependencies of Cargo.lock; then from their packages, without a lock, as
# for a user.
#
#   bash tests/msrv.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
user=$target/msrv/user
packages=(cache-derive cache-runtime)
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0

fail() {
  printf 'tests/msrv.sh: %s\n' "$*" >&2
  exit 1
}

install_toolchain() {
  [[ -n $version ]] || fail 'Cargo.toml declares no rust-version'
  type -P rustup >/dev/null ||
    fail "this needs Rust $version, and rustup, which installs it, was not found"
  rustup run "$version" cargo --version 2>/dev/null ||
    rustup toolchain install "$version" --profile minimal ||
    fail "this needs Rust $version, which is not here, and rustup could not install it"
}

all=redis,tls-rustls,tls-native-tls,outbox-sqlite,outbox-postgres,metrics,otel,export,doctor,cli,page

# Checks with each of the sets of features in `sets`.
check() {
  local features
  for features in "${sets[@]}"; do
    printf 'features: %s\n' "${features:-none}"
    # A separate build folder, because toolchains do not share build results.
    CARGO_TARGET_DIR=$target/msrv rustup run "$version" cargo check --locked "$@" \
      --no-default-features --features "$features"
  done
}

# Unpacks the package $1 for the user, and checks that it contains the required files.
unpack() {
  local file
  mkdir "$user/$1"
  tar -xzf "$target/package/$1"-*.crate -C "$user/$1" --strip-components 1
  for file in README.md LICENSE-APACHE LICENSE-MIT; do
    [[ -f $user/$1/$file ]] || fail "the package of $1 lacks $file"
  done
}

# Creates a project that uses both macros, with its own workspace and Cargo.lock.
new_user() {
  local package
  rm -rf "$user" "$target"/package/*.crate
  mkdir -p "$user/src"
  # Not verified here, because the user's project compiles them.
  cargo package --quiet --locked --allow-dirty --no-verify "${packages[@]/#/-p}"
  for package in "${packages[@]}"; do
    unpack "$package"
  done
  cat >"$user/Cargo.toml" <<TOML
[workspace]
resolver = "3"

[package]
name = "user"
version = "0.0.0"
edition = "2024"
rust-version = "$version"
publish = false

[features]
redis = ["cache-runtime/redis"]
tls-rustls = ["cache-runtime/tls-rustls"]
tls-native-tls = ["cache-runtime/tls-native-tls"]
outbox-sqlite = ["cache-runtime/outbox-sqlite"]
outbox-postgres = ["cache-runtime/outbox-postgres"]

[dependencies]
cache-runtime = { path = "cache-runtime", default-features = false }

[patch.crates-io]
cache-derive = { path = "cache-derive" }
TOML
  cat >"$user/src/lib.rs" <<'RUST'
use cache_runtime::{InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
pub enum UserEvent {
    User { user_id: u64, name: String },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
pub struct UserInvalidation;
RUST
}

install_toolchain
printf '\nwith Cargo.lock\n'
sets=("$all")
check -p cache-derive -p cache-runtime
printf '\nas a user gets them\n'
new_user
cd "$user"
rustup run "$version" cargo generate-lockfile
# Features only add code. What they depend on is as in the lock file, or newer if it still supports
# this version.
sets=('')
check
