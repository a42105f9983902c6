#!/usr/bin/env bash
# Checks the dependencies against deny.toml, and the public API against the last release. Run it
# when a dependency is added or updated, and before a release.
#
#   bash tests/supply_chain.sh
#
# It is not part of .ci/run, because it first compiles its tools, which takes minutes. Tools that
# are not in PATH go into the build folder.
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
# Without a network, an earlier copy of the database is used; cargo-deny refuses a copy that is too
# old.
if cargo deny fetch db || compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/.git" >/dev/null; then
  cargo deny --offline --workspace check advisories
else
  unchecked+=('security advisories: the database could not be fetched')
fi

step 'public API'
# Both crates share one version and one tag. The tool cannot compare the API of the macros.
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
