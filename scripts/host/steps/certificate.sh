#!/bin/sh
# The host's certificate, and that of the authority that it trusts, lie beside the key that it has made itself
# (scripts/pki). What serves with them is restarted in its turn, by weave-launch.sh and swarm-certificate.sh.
# Sent: ca.pem, cert.pem
. "$(dirname "$0")/lib.sh"

public() { openssl pkey -in "$pki/$1" -pubout 2>/dev/null; }
wanted=$(openssl x509 -in "$sent/cert.pem" -noout -pubkey) || die "the certificate that was sent cannot be read"

own_directory "$pki" root:root 0700
if [ "$(public key.pem)" = "$wanted" ]; then
  found "$pki/key.pem"
elif [ "$(public next.pem)" = "$wanted" ]; then
  mv -f "$pki/next.pem" "$pki/key.pem"
  changed "$pki/key.pem (the one that scripts/pki had made)"
else
  die "no key in $pki belongs to the certificate: run scripts/pki, then deploy again"
fi
put "$pki/ca.pem" root:root 0644 cat "$sent/ca.pem" || true
put "$pki/cert.pem" root:root 0644 cat "$sent/cert.pem" || true
