#!/usr/bin/env bash
# Prints the path of Chromium for the tests with a browser, and logs to standard error.
#
# Takes the browser that CHROMIUM names, or one in PATH. If there is none, it installs the system's
# package, if that needs no password; with `--find` it does not.
set -euo pipefail

say() { printf 'tests/chromium.sh: %s\n' "$*" >&2; }

# Prints the first browser that runs: on some systems the command only says how to install it.
find_browser() {
  local name path version
  hash -r
  for name in "${CHROMIUM:-}" chromium chromium-headless-shell chromium-browser google-chrome \
    google-chrome-stable; do
    [[ -n $name ]] && path=$(type -P "$name") || continue
    version=$("$path" --version 2>/dev/null </dev/null) || continue
    say "using $path, $version"
    printf '%s\n' "$path"
    return
  done
  return 1
}

install_package() {
  local root=()
  ((EUID == 0)) || root=(sudo -n)
  type -P apt-get >/dev/null || return
  say 'installing: chromium'
  {
    ${root[@]+"${root[@]}"} apt-get -q -o DPkg::Lock::Timeout=120 update || true
    ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q \
      -o DPkg::Lock::Timeout=120 install -y --no-install-recommends chromium
  } </dev/null >&2
}

find_browser || { [[ ${1:-} != --find ]] && install_package && find_browser; } || {
  say 'no Chromium was found, and none was installed: install it, or say where it is:' \
    'CHROMIUM=/path/to/chromium'
  exit 1
}
