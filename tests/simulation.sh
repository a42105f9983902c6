#!/usr/bin/env bash
# Runs the library in a simulated world (cache-runtime/tests/simulation). It needs a separate build, in
# which time, network and servers are simulated. The build is optimised, because there are many runs.
#
#   bash tests/simulation.sh [arguments for `cargo test`]
#   SIMULATION_WRITES=100000000 SIMULATION_THREADS=1 bash tests/simulation.sh no_read
#   SIMULATION_SEED=42 bash tests/simulation.sh no_read -- --nocapture   # one seed, with all that happens
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=2
# Each crate in one piece: the optimiser takes longer for several.
export CARGO_PROFILE_DEV_CODEGEN_UNITS=1
# The second lets a seed determine what Tokio does at random.
RUSTFLAGS="${RUSTFLAGS:-} --cfg simulation --cfg tokio_unstable" \
  CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/simulation \
  cargo test -p cache-runtime --no-default-features --test simulation "$@"
