# How docker speaks to proxies and managers: as this host's own serve. Sourced by lib.sh; in what is sent alone, it stands
# in front of that.
# shellcheck shell=sh disable=SC2154

# tls: words for `env`; none where the Docker API is open.
tls() { ! grep -qs -e ' --tlsverify ' /etc/default/weave || printf '%s\n' DOCKER_TLS_VERIFY=1 "DOCKER_CERT_PATH=$pki"; }
