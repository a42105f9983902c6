#!/usr/bin/env bash
# Runs Cargo with `--cfg shuttle` or `--cfg simulation`. Only the crates of the workspace see it, so both
# builds share their dependencies, which are optimised.
#
#   bash tests/cfg/cargo.sh simulation test -p cache-runtime --no-default-features --test simulation
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=2
# Each crate in one piece: the optimiser takes longer for several.
export CARGO_PROFILE_DEV_CODEGEN_UNITS=1
# Lets a seed determine what Tokio does at random.
export RUSTFLAGS="${RUSTFLAGS:-} --cfg tokio_unstable"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/optimised
export RUSTC_WORKSPACE_WRAPPER=$PWD/tests/cfg/$1
exec cargo "${@:2}"
