#!/usr/bin/env bash
# Prints the path of an OpenTelemetry collector, Rotel's agent, for the tests with one, and logs to
# standard error.
#
# Takes the one that OTEL_COLLECTOR names, one in PATH, or what it has installed before. If there is none,
# it installs Rotel's package for Python into the build folder; with `--find` it does not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/apt.sh

version=$(sed -n 's/^rotel==\([^ ]*\).*/\1/p' tests/collector.txt)
folder=${CARGO_TARGET_DIR:-target}/rotel-$version

say() { printf 'tests/collector.sh: %s\n' "$*" >&2; }

find_collector() {
  local name path found
  hash -r
  for name in "${OTEL_COLLECTOR:-}" rotel-agent "$folder/rotel/rotel-agent"; do
    [[ -n $name ]] && path=$(type -P "$name") || continue
    found=$("$path" --version 2>/dev/null </dev/null) || continue
    say "using $path, $found"
    realpath "$path"
    return
  done
  return 1
}

install_package() {
  python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip || return
  say "installing: rotel $version"
  # Of Python's own version the agent needs nothing.
  python3 -m pip install -q --no-deps --only-binary :all: --implementation cp --python-version 3.11 \
    --target "$folder" --root-user-action ignore --require-hashes -r tests/collector.txt </dev/null >&2
}

find_collector || { [[ ${1:-} != --find ]] && install_package && find_collector; } || {
  say 'no OpenTelemetry collector was found, and none was installed: install rotel, or say where its' \
    'agent is: OTEL_COLLECTOR=/path/to/rotel-agent'
  exit 1
}
