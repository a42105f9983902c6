# To be sourced. Installs packages of the system, where `apt-get` does that without a password. Logs to
# standard error.
apt_install() {
  local root=()
  ((EUID == 0)) || root=(sudo -n)
  type -P apt-get >/dev/null || return
  printf '%s: installing: %s\n' "$0" "$*" >&2
  {
    # If the package lists cannot be updated, the present ones may suffice.
    ${root[@]+"${root[@]}"} apt-get -q -o DPkg::Lock::Timeout=120 update || true
    ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q \
      -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
  } </dev/null >&2
}
