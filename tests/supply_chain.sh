#!/usr/bin/env bash
# Checks the dependencies against deny.toml, and the public API against the last release. To be run
# when a dependency is added or updated, and before a release.
#
#   bash tests/supply_chain.sh
#
# Not part of .ci/run: its tools are compiled first, which takes minutes. They go into the build
# folder unless they are in PATH.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=$(realpath -m "${CARGO_TARGET_DIR:-target}")/tools
PATH=$PATH:$tools/bin
unchecked=()

step() { printf '\n== %s\n' "$*"; }

need() {
  type -P "$1" >/dev/null || cargo install --locked --root "$tools" "$1"
}

step 'licences, duplicates, sources'
need cargo-deny
cargo deny --locked --workspace check licenses bans sources

step 'security advisories'
# Without a network, an earlier copy of the database serves; cargo-deny refuses one that is too old.
if cargo deny fetch db || compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/.git" >/dev/null; then
  cargo deny --offline --workspace check advisories
else
  unchecked+=('security advisories: the database could not be fetched')
fi

step 'public API'
# One version and one tag for both crates. The macros have no API that the tool can compare.
if release=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then
  need cargo-semver-checks
  cargo semver-checks --package cache-runtime --baseline-rev "$release" --all-features
else
  unchecked+=('public API: no release is tagged (v*) to compare with')
fi

printf '\n'
for what in ${unchecked[@]+"${unchecked[@]}"}; do
  printf 'NOT CHECKED: %s\n' "$what"
done
