#!/usr/bin/env bash
# Installs SQLite's library, if it is missing. The tests link the system's, because compiling the one
# that `rusqlite` bundles takes longer than everything else of the outbox.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

say() { printf 'tests/sqlite.sh: %s\n' "$*" >&2; }

has_sqlite() {
  type -P pkg-config >/dev/null && pkg-config --exists sqlite3
}

has_sqlite || { apt_install libsqlite3-dev pkg-config && has_sqlite; } || {
  say 'SQLite was not found, and could not be installed: install its library with its header' \
    '(libsqlite3-dev, sqlite-devel), and pkg-config'
  exit 1
}
