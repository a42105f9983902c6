#!/usr/bin/env bash
# Runs the library in a simulated world (cache-runtime/tests/simulation). It needs a separate build, in
# which time, network and servers are simulated. The build is optimised, because there are many runs.
#
#   bash tests/simulation.sh [arguments for `cargo test`]
#   SIMULATION_WRITES=100000000 SIMULATION_THREADS=1 bash tests/simulation.sh no_read
#   SIMULATION_SEED=42 bash tests/simulation.sh no_read -- --nocapture   # one seed, with all that happens
#
# With SIMULATION_SECONDS, no seed is begun after that time, and what was simulated until then is shown.
set -euo pipefail

exec bash "$(dirname "${BASH_SOURCE[0]}")/cfg/cargo.sh" simulation test \
  -p cache-runtime --no-default-features --test simulation "$@"
