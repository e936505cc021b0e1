#!/bin/sh
# Makes what docker-compose.yml expects below deploy/secrets: passwords, database addresses and
# the key that signs tokens. Safe to repeat: what is there is kept. Needs openssl.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
# The folder keeps others on this machine out. The files inside are readable, because compose
# mounts a file with its rights as they are and the containers run as an ordinary user.
random() { openssl rand -hex 24; }
keep() { [ -s "secrets/$1" ] || { cat >"secrets/$1"; chmod 0644 "secrets/$1"; }; }

random | keep postgres_password
for service in identity registry allocation visits credit reporting; do
  random | keep "${service}_password"
  random | keep "${service}_log_password"
  printf 'postgresql://%s:%s@postgres:5432/%s' \
    "$service" "$(cat "secrets/${service}_password")" "$service" | keep "${service}_database_url"
done
[ -s secrets/identity_signing_key ] ||
  openssl genpkey -algorithm ed25519 | keep identity_signing_key
# Certificates of this machine's own, to begin with: replace gateway_certificate and gateway_key by
# those of your authority, bank_core_authority by the authority that signs the banks' certificates.
if [ ! -s secrets/gateway_certificate ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 825 \
    -subj "/CN=${YINQI_HOST:-localhost}" -addext "subjectAltName=DNS:${YINQI_HOST:-localhost}" \
    -keyout secrets/gateway_key -out secrets/gateway_certificate 2>/dev/null
  chmod 0644 secrets/gateway_key secrets/gateway_certificate
fi
if [ ! -s secrets/bank_core_authority ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 1825 \
    -subj "/CN=Yinqi bank cores" -keyout bank_core_authority.key \
    -out secrets/bank_core_authority 2>/dev/null
  chmod 0644 secrets/bank_core_authority
fi
echo "deploy/secrets is complete"
