#!/usr/bin/env bash
# Runs the caches under a concurrency checker (cache-runtime/tests/checker). It needs a separate
# build, in which its locks and atomics replace those of std. The build is optimised, because the
# checker runs thousands of schedules.
#
#   bash tests/checker.sh [arguments for `cargo test`]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1
# Each crate in one piece: the optimiser takes twice as long for several.
export CARGO_PROFILE_DEV_CODEGEN_UNITS=1
RUSTFLAGS="${RUSTFLAGS:-} --cfg shuttle" CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/checker \
  cargo test -p cache-runtime --no-default-features --test checker "$@"
