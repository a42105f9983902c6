#!/usr/bin/env bash
# Makes the certificates of the tests anew: of an authority, of a server, of a node whose address is a
# number, of a server whose certificate has expired, and of a client. The keys protect nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
}

# name, subject, first day, last day, host
signed() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$2" -addext "subjectAltName=${5:-DNS:localhost}" \
    -out "$work/$1.csr"
  openssl ca -batch -notext -config "$work/ca.cnf" -in "$work/$1.csr" -out "$1.crt" \
    -startdate "$3" -enddate "$4"
}

cat >"$work/ca.cnf" <<CONFIG
[ca]
default_ca = authority
[authority]
certificate = authority.crt
private_key = $work/authority.key
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
copy_extensions = copyall
unique_subject = no
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth, clientAuth
[req]
distinguished_name = name
[name]
CONFIG
touch "$work/index"
echo 01 >"$work/serial"
key "$work/authority"
openssl req -x509 -new -config "$work/ca.cnf" -key "$work/authority.key" -subj '/CN=Test authority' \
  -addext 'basicConstraints=critical,CA:TRUE' -days 36500 -out authority.crt
signed server 'Test server' 20200101000000Z 21200101000000Z
signed node 'Test node' 20200101000000Z 21200101000000Z IP:127.0.0.1
signed expired 'Expired server' 20200101000000Z 20210101000000Z
signed client 'Test client' 20200101000000Z 21200101000000Z
