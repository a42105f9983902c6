#!/usr/bin/env bash
# Runs the caches under a concurrency checker (cache-runtime/tests/checker). It needs a separate
# build, in which its locks and atomics replace those of std.
#
#   bash tests/checker.sh [arguments for `cargo test`]
set -euo pipefail

# The checker itself is optimised. To optimise the caches, with all that each scenario makes of them,
# takes longer than it saves.
exec bash "$(dirname "${BASH_SOURCE[0]}")/cfg/cargo.sh" shuttle test \
  -p cache-runtime --no-default-features --test checker \
  --config 'profile.dev.package.cache-runtime.opt-level=0' "$@"
