#!/usr/bin/env bash
# Runs the library in a simulated world (cache-runtime/tests/simulation). It needs a separate build, in
# which time, network and servers are simulated. The build is optimised, because there are many runs.
#
#   bash tests/simulation.sh [arguments for `cargo test`]
#   SIMULATION_WRITES=100000000 SIMULATION_THREADS=1 bash tests/simulation.sh no_read
#   SIMULATION_SEED=42 bash tests/simulation.sh no_read -- --nocapture   # one seed, with all that happens
#
# With SIMULATION_SECONDS, no seed is begun after that time, and what was simulated until then is shown.
# With SIMULATION_GUIDED, the build takes some minutes longer and runs faster on this processor: it is made
# twice, the second time for what the first was seen to do. It needs `rustup component add llvm-tools`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

simulate() {
  bash tests/cfg/cargo.sh simulation test -p cache-runtime --no-default-features --test simulation "$@"
}

if [[ ${SIMULATION_GUIDED:-} ]]; then
  merge=$(echo "$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-profdata)
  "$merge" --version >/dev/null
  guided=$(realpath -m "${CARGO_TARGET_DIR:-target}/guided")
  profile=$guided/profile
  mkdir -p "$profile"
  rm -f "$profile"/*
  export CARGO_PROFILE_DEV_OPT_LEVEL=3 CARGO_PROFILE_DEV_LTO=fat
  flags="${RUSTFLAGS:-} -C target-cpu=native"
  CARGO_TARGET_DIR=$guided/first RUSTFLAGS="$flags -C profile-generate=$profile" \
    SIMULATION_WRITES=500000 simulate no_read
  "$merge" merge -o "$profile/merged" "$profile"/*.profraw
  export CARGO_TARGET_DIR=$guided/second RUSTFLAGS="$flags -C profile-use=$profile/merged"
fi
simulate "$@"
