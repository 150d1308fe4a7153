# How this host's docker command speaks to proxies and managers: as they are served here. In front of lib.sh in what is
# sent alone; a step gets it by way of that.
# shellcheck shell=sh disable=SC2154

# tls: words for `env`; none where the Docker API is open.
tls() { ! grep -qs -e ' --tlsverify ' /etc/default/weave || printf '%s\n' DOCKER_TLS_VERIFY=1 "DOCKER_CERT_PATH=$pki"; }
