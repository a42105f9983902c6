#!/usr/bin/env bash
# Installs Node with npm for the tests with a Node client, if they are missing, and if that needs no
# password; with `--find` it installs nothing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

say() { printf 'tests/node.sh: %s\n' "$*" >&2; }

has_node() {
  hash -r
  node --version >/dev/null 2>&1 && npm --version >/dev/null 2>&1
}

has_node || { [[ ${1:-} != --find ]] && apt_install nodejs npm && has_node; } || {
  say 'Node with npm was not found, and was not installed: install both (nodejs, npm)'
  exit 1
}
