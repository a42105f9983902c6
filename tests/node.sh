#!/usr/bin/env bash
# Installs Node with npm for the tests with a Node client, if they are missing, and if that needs no
# password; with `--find` it installs nothing.
set -euo pipefail

say() { printf 'tests/node.sh: %s\n' "$*" >&2; }

has_node() {
  hash -r
  node --version >/dev/null 2>&1 && npm --version >/dev/null 2>&1
}

install_package() {
  local root=()
  ((EUID == 0)) || root=(sudo -n)
  type -P apt-get >/dev/null || return
  say 'installing: nodejs npm'
  {
    ${root[@]+"${root[@]}"} apt-get -q -o DPkg::Lock::Timeout=120 update || true
    ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q \
      -o DPkg::Lock::Timeout=120 install -y --no-install-recommends nodejs npm
  } </dev/null >&2
}

has_node || { [[ ${1:-} != --find ]] && install_package && has_node; } || {
  say 'Node with npm was not found, and was not installed: install both (nodejs, npm)'
  exit 1
}
