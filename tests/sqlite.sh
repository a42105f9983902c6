#!/usr/bin/env bash
# Installs SQLite's library, if it is missing. The tests link the system's, because compiling the one
# that `rusqlite` bundles takes longer than everything else of the outbox.
set -euo pipefail

say() { printf 'tests/sqlite.sh: %s\n' "$*" >&2; }

has_sqlite() {
  type -P pkg-config >/dev/null && pkg-config --exists sqlite3
}

install_package() {
  local root=()
  ((EUID == 0)) || root=(sudo -n)
  type -P apt-get >/dev/null || return
  say 'installing: libsqlite3-dev pkg-config'
  {
    ${root[@]+"${root[@]}"} apt-get -q -o DPkg::Lock::Timeout=120 update || true
    ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q \
      -o DPkg::Lock::Timeout=120 install -y --no-install-recommends libsqlite3-dev pkg-config
  } </dev/null >&2
}

has_sqlite || { install_package && has_sqlite; } || {
  say 'SQLite was not found, and could not be installed: install its library with its header' \
    '(libsqlite3-dev, sqlite-devel), and pkg-config'
  exit 1
}
