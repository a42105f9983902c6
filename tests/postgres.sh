#!/usr/bin/env bash
# Prints the folder of PostgreSQL's server programs (initdb, postgres) for the tests, and logs to
# standard error.
#
# Takes the folder that POSTGRES_BIN names, or the newest version that is installed. If there is
# none, it installs the system's package, if that needs no password.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

# The first version with `CREATE OR REPLACE TRIGGER`.
oldest=14

say() { printf 'tests/postgres.sh: %s\n' "$*" >&2; }

# Prints the newest version's folder: distributions do not put these programs into PATH.
find_folder() {
  local folder version best=0 found=
  for folder in "${POSTGRES_BIN:-}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/bin \
    /usr/bin /usr/libexec/postgresql*; do
    [[ -x $folder/initdb && -x $folder/postgres ]] || continue
    version=$("$folder/postgres" --version) || continue
    [[ $version =~ \ ([0-9]+) ]] && version=${BASH_REMATCH[1]} || continue
    ((version >= oldest && version > best)) && best=$version found=$folder
    [[ $folder != "${POSTGRES_BIN:-}" ]] || break
  done
  [[ -n $found ]] || return
  say "using $found, version $best"
  printf '%s\n' "$found"
}

install_package() {
  local root=()
  ((EUID == 0)) || root=(sudo -n)
  type -P apt-get >/dev/null || return
  # The package would start a server of its own, which the tests do not need.
  local policy=/etc/postgresql-common/createcluster.conf
  if [[ ! -e $policy ]]; then
    ${root[@]+"${root[@]}"} mkdir -p "${policy%/*}"
    printf 'create_main_cluster = false\n' | ${root[@]+"${root[@]}"} tee "$policy" >/dev/null
  fi
  apt_install postgresql
}

find_folder || { install_package && find_folder; } || {
  say "no PostgreSQL server of version $oldest or newer was found, and none could be installed:" \
    "install it, or say where initdb and postgres are: POSTGRES_BIN=/path/to/bin"
  exit 1
}
