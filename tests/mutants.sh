#!/usr/bin/env bash
# Breaks the core of the library in one place at a time, and runs the tests that should notice: the unit tests
# first, then, for what they miss, the tests that use that part. A mutant that no test notices is printed as
# MISSED, and stays in target/mutants/PART/mutants.out/missed.txt. docs/proof.md says which ones may.
#
# It needs `cargo install --locked cargo-mutants`, and a work tree without changes, whose files it changes. All
# of it takes hours.
#
#   bash tests/mutants.sh                                    # link, memory and outbox
#   bash tests/mutants.sh link [arguments for `cargo mutants`]
#   bash tests/mutants.sh memory --re Store::join --list     # without running anything
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

type -P cargo-mutants >/dev/null || {
  echo 'cargo-mutants was not found: cargo install --locked cargo-mutants' >&2
  exit 1
}
[[ -z $(git status --porcelain -- cache-runtime) ]] || {
  echo 'cache-runtime has changes that are not committed: expected none, because its files are changed' >&2
  exit 1
}
REDIS_SERVER=$(bash tests/server.sh)
# A mutant changes one function, so little is compiled again.
export REDIS_SERVER CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0

# The files of a part, and the tests that use it.
choose() {
  local cache=cache-runtime/src/cache
  case $1 in
    link)
      files=('cache-runtime/src/link/**')
      tests=(sim)
      ;;
    memory)
      files=("$cache/memory/{engine,entries,generation,load,part,shard,store,turn,waiters}.rs"
        "$cache/coherent/{evict,proof,shared,token}.rs")
      tests=(ttl_cache properties audit coherent memory redis_cache)
      ;;
    outbox)
      files=('cache-runtime/src/outbox/**')
      tests=(outbox)
      ;;
    *)
      echo "$1: expected link, memory or outbox" >&2
      exit 1
      ;;
  esac
}

# Tries the mutants of a part that no test has noticed yet.
try() {
  local part=$1 status=0
  shift
  cargo mutants --in-place --iterate --output "target/mutants/$part" --package cache-runtime \
    "${files[@]/#/--file=}" --exclude-re 'fmt::Debug' --cap-lints true --timeout 120 --no-shuffle \
    "$@" || status=$?
  # 2 and 3 say that mutants were missed, or took too long.
  ((status == 0 || status == 2 || status == 3)) || exit "$status"
}

parts=(link memory outbox)
if (($#)); then
  parts=("$1")
  shift
fi
for part in "${parts[@]}"; do
  choose "$part"
  mkdir -p "target/mutants/$part"
  try "$part" "$@" -- --lib
  # These tests are of another package, which is not tried without a mutant.
  try "$part" --baseline skip --test-package cache-invalidation-tests "$@" -- "${tests[@]/#/--test=}"
done
