# A host's side of scripts/pki: makes the host's own key where there is none, and prints a request for a certificate. The
# key never leaves the host. Sent after names.sh, tls.sh, http.sh and lib.sh, on standard input.
# A new key waits in next.pem until a deploy brings the certificate that belongs to it: until then, what runs keeps the old.
# Creates $pki, which destroy removes.
# shellcheck shell=sh disable=SC2154 # names are set by names.sh
#
#   NAME keep|new NAMES   new makes another key, even if there is one; NAMES are those of the certificate, as openssl has them
#
# Prints `found` and `changed` lines, then the request.

# shellcheck disable=SC2034  # read by lib.sh
step=pki

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null; }

request() { # NAME keep|new NAMES
  command -v openssl >/dev/null || die "there is no openssl, which makes keys and requests: apt-get install openssl"
  own_directory "$pki" root:root 0700
  if [ "$2" = keep ] && [ -f "$pki/next.pem" ]; then
    request_key=next.pem
    found "$pki/next.pem, which waits for a deploy with its certificate"
  elif [ "$2" = keep ] && [ -f "$pki/key.pem" ]; then
    request_key=key.pem
    found "$pki/key.pem"
  else
    request_key=next.pem
    put "$pki/next.pem" root:root 0600 new_key || true
  fi
  openssl req -new -key "$pki/$request_key" -subj "/CN=$1" \
    -addext "subjectAltName=$3" \
    -addext "extendedKeyUsage=serverAuth,clientAuth" || die "openssl makes no request"
}

# The script itself arrives on standard input, so nothing that runs here may read from it.
request "$@" </dev/null
