#!/usr/bin/env bash
# Runs all tests. They need a Redis or Valkey server, which tests/server.sh finds or installs, and
# PostgreSQL, which tests/postgres.sh finds or installs. To compile, they need SQLite.
#
#   bash tests/run.sh [arguments for `cargo test`]
#   REDIS_SERVER=/path/to/redis-server POSTGRES_BIN=/path/to/bin bash tests/run.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

REDIS_SERVER=$(bash tests/server.sh)
POSTGRES_BIN=$(bash tests/postgres.sh)
export REDIS_SERVER POSTGRES_BIN
# Most tests wait for servers most of the time.
: "${RUST_TEST_THREADS:=$(($(nproc 2>/dev/null || echo 2) + 1))}"
export RUST_TEST_THREADS
if collector=$(bash tests/collector.sh --find 2>/dev/null); then
  export OTEL_COLLECTOR=$collector
fi
bash tests/sqlite.sh

# Whether the arguments choose no particular tests. Only then do the specification, the checker and the
# simulation run.
everything_is_asked_for() {
  local argument
  for argument; do
    [[ $argument == --locked || $argument == --offline || $argument == --frozen ]] || return
  done
}

# Runs what needs no server: the specification, the compiler's messages, the concurrency checker, and the
# simulation.
run_aside() {
  local status=0
  nice -n 19 bash proof/check.sh || status=$?
  # trybuild builds the dependencies with fewer flags than the cases, and so twice. These are the
  # flags of the cases.
  local flags='--cfg\u001ftrybuild\u001f--verbose\u001f-A\u001fdead_code\u001f--diagnostic-width=140'
  # As the other tests are built, so that nothing is built again.
  nice -n 19 cargo test --workspace --exclude benches --exclude features --test ui \
    --config "target.'cfg(all())'.runner = ['env', \"CARGO_ENCODED_RUSTFLAGS=$flags\"]" "$@" ||
    status=$?
  nice -n 19 bash tests/checker.sh "$@" || status=$?
  nice -n 19 bash tests/simulation.sh "$@" || status=$?
  return "$status"
}

run_tests() {
  local status=0
  if ! everything_is_asked_for "$@"; then
    cargo test --workspace --exclude benches --exclude features --no-fail-fast "$@"
    return
  fi
  cargo test --workspace --exclude benches --exclude features --no-run "$@" || return
  # With the time that the other tests leave, most of which wait for a server most of the time.
  local aside
  aside=$(mktemp)
  run_aside "$@" >"$aside" 2>&1 &
  cargo test --workspace --exclude benches --exclude features --no-fail-fast "$@" -- --skip the_compiler_says ||
    status=$?
  wait $! || status=$?
  cat "$aside"
  rm "$aside"
  return "$status"
}

set +e
run_tests "$@" | {
  passed=0 failed=0 skipped=0
  while IFS= read -r line; do
    printf '%s\n' "$line"
    if [[ $line =~ ^test\ result:.*\ ([0-9]+)\ passed\;\ ([0-9]+)\ failed\;\ ([0-9]+)\ ignored ]]; then
      ((passed += BASH_REMATCH[1], failed += BASH_REMATCH[2], skipped += BASH_REMATCH[3]))
    fi
  done
  [[ -n ${CI:-} ]] || bash tests/node.sh --find >/dev/null 2>&1 ||
    printf '\nNode and npm were not found: the tests with a Node client passed without running.\n'
  [[ -n ${CHROMIUM:-}${CI:-} ]] || bash tests/chromium.sh --find >/dev/null 2>&1 ||
    printf '\nChromium was not found: the tests with a browser passed without running.\n'
  [[ -n ${OTEL_COLLECTOR:-}${CI:-} ]] ||
    printf '\nNo collector of OpenTelemetry was found: the test with one passed without running.\n'
  ((skipped == 0)) && skipped= || skipped=", $skipped skipped"
  printf '\n%d passed, %d failed%s\n' "$passed" "$failed" "$skipped"
}
exit "${PIPESTATUS[0]}"
