#!/bin/sh
# Makes what docker-compose.yml expects below deploy/secrets: passwords, database addresses and
# the keys that sign tokens and the heads of the audit chains. Safe to repeat: what is there is kept. Needs openssl.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
# The folder keeps others on this machine out. The files inside are readable, because compose
# mounts a file with its rights as they are and the containers run as an ordinary user.
random() { openssl rand -hex 24; }
keep() { [ -s "secrets/$1" ] || { cat >"secrets/$1"; chmod 0644 "secrets/$1"; }; }

random | keep postgres_password
random | keep credit_webhook_key
for service in identity registry allocation visits credit reporting; do
  random | keep "${service}_owner_password"
  random | keep "${service}_password"
  random | keep "${service}_log_password"
  printf 'postgresql://%s_owner:%s@postgres:5432/%s' \
    "$service" "$(cat "secrets/${service}_owner_password")" "$service" | keep "${service}_owner_url"
  printf 'postgresql://%s:%s@postgres:5432/%s' \
    "$service" "$(cat "secrets/${service}_password")" "$service" | keep "${service}_database_url"
done
for key in identity_signing_key audit_signing_key; do
  [ -s "secrets/$key" ] || openssl genpkey -algorithm ed25519 | keep "$key"
done
# What second factors are sealed with, and the first sign-in (`admin`): change it there and then.
[ -s secrets/identity_seal_keys ] || openssl rand -base64 32 | keep identity_seal_keys
random | keep identity_admin_password
# Given by WeChat and by your issuer, where you use them: put them in; empty files leave it off.
for given in identity_wechat_secret identity_oidc_client_secret; do
  [ -e "secrets/$given" ] || { : >"secrets/$given"; chmod 0644 "secrets/$given"; }
done
# The keys of the personal data vault. A copy of them belongs in a safe, never beside a backup.
for service in registry visits; do
  [ -s "secrets/${service}_master_keys" ] ||
    echo "m1 $(openssl rand -base64 32)" | keep "${service}_master_keys"
done
[ -s secrets/registry_phone_index_key ] || openssl rand -base64 32 | keep registry_phone_index_key
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
