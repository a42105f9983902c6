#!/usr/bin/env bash
# Prints the path of Chromium for the tests with a browser, and logs to standard error.
#
# Takes the browser that CHROMIUM names, or one in PATH. If there is none, it installs the system's
# package, if that needs no password; with `--find` it does not.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

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

find_browser || { [[ ${1:-} != --find ]] && apt_install chromium && find_browser; } || {
  say 'no Chromium was found, and none was installed: install it, or say where it is:' \
    'CHROMIUM=/path/to/chromium'
  exit 1
}
