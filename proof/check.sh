#!/usr/bin/env bash
# Checks the specification of the protocol (Coherence.tla), and that it fails without any of the
# remedies (cases.txt).
#
#   bash proof/check.sh                        all cases
#   bash proof/check.sh Lease=2 InFlight=2     larger bounds, without sabotage
#   bash proof/check.sh --no-run               only builds the checker
#
# The checker is the crate tla-checker. Three quarters of its build are a user interface and a
# server in the terminal, so only its modules that check are compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.24.11
target=$PWD/${CARGO_TARGET_DIR:-target}/proof
[[ ${CARGO_TARGET_DIR:-} != /* ]] || target=$CARGO_TARGET_DIR/proof
crate=$target/tla-checker-$version

# The unpacked source in the registry of Cargo.
registered() {
  printf '%s\n' "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"tla-checker-$version" | head -n 1
}

if [[ ! -e $crate/Cargo.toml ]]; then
  # Downloads the crate, and compares its checksum with that of the index.
  [[ -d $(registered) ]] || cargo info -q "tla-checker@$version" >/dev/null
  rm -rf "$crate"
  mkdir -p "$crate"
  cp -R "$(registered)/src" "$crate/src"
  sed -i '/^#\[cfg(not(target_arch = "wasm32"))\]$/d; /^pub mod \(demo\|interactive\|mcp\);$/d' \
    "$crate/src/lib.rs"
  cat >"$crate/Cargo.toml" <<EOF
[package]
name = "tla-checker"
version = "$version"
edition = "2024"

[features]
dhat = []
profiling = []
wasm = []

[dependencies]
fastrand = "2"
indexmap = "2"
libc = "0.2"
serde_json = "1"
stacker = "0.1"

[lints.rust]
warnings = { level = "allow", priority = -1 }
EOF
fi

CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$target cargo build --quiet --locked --release \
  --manifest-path proof/checker/Cargo.toml --config "patch.crates-io.tla-checker.path=\"$crate\""
[[ ${1:-} == --no-run ]] || "$target/release/checker" "$@"
