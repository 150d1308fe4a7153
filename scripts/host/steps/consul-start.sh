#!/bin/sh
# Consul's agent runs as a service, with its configuration. Guide: "Configuring", "systemd Service" and "Bootstrapping".
# Restarts a running agent only when binary, unit or configuration differ from what it was started with, and puts a new
# binary, unit and configuration in place only then.
# Arguments: role=server|client data_dir=DIR datacenter=NAME servers=N (how many voters the cluster has) timeout=SECONDS
# tokens=N (with ACLs: how often the agents' tokens were changed; without, there are none)
# turn=yes|no (whether this host's agent may be restarted now; with no, one that runs is left as it is, unless the form of
# the whole cluster changes)
. "$(dirname "$0")/lib.sh"
. "$here/artifacts.sh"
. "$here/consul.sh"
. "$here/consul-agent.sh"
role='' data_dir='' datacenter='' servers='' timeout='' tokens='' turn=''
take "role data_dir datacenter servers timeout tokens? turn" "$@"

config_dir=/etc/consul.d/$role
check_agent
running=no
! systemctl is-active -q consul.service || running=yes
form=$(agent_form <"$sent/consul/config.json")
[ -z "$tokens" ] || form="${form}tokens-$tokens "
# The others do not hear an agent of another form, and are not well before all have the new one: gate-consul.sh waits for that.
other_form=no
[ $running = no ] || [ "$(note consul-form)" = "$form" ] || other_form=yes turn=yes
[ $running = no ] || [ $other_form = yes ] || refuse_other_tokens
# Whoever breaks it off here, and goes back, has changed the form once more.
[ $other_form = no ] || note consul-form changing
place_key "$config_dir"
tls=no certificate=
case " $form" in *" tls "*) tls=yes certificate=$(hash_of "$pki/ca.pem" "$pki/cert.pem") ;; esac
fingerprint() { openssl x509 -noout -fingerprint -sha256; }
shows_certificate() {
  shown=$(timeout 10 openssl s_client -connect "$(note member | cut -d' ' -f2):$port_consul_server" </dev/null 2>/dev/null | fingerprint) &&
    [ "$shown" = "$(fingerprint <"$pki/cert.pem")" ]
}
# A server that is to be a client is heard by the others as long as it is called a server.
same_role() { grep -qs -e "-config-dir $config_dir\$" /etc/systemd/system/consul.service; }
if [ $tls = yes ] && [ $running = yes ] && [ $other_form = no ] && same_role && [ "$(note consul-certificate)" != "$certificate" ]; then
  place_certificate
  # Connections that there are stay; new ones are made with the new one. No server is away for a moment.
  systemctl reload consul.service
  [ "$role" = client ] || until_true "$timeout" shows_certificate ||
    die "Consul's server still shows its old certificate after $timeout s: $(journal consul.service)"
  changed "consul.service (has read its certificates again)"
  note consul-certificate "$certificate"
fi
if [ $running = yes ] && [ "$turn" = no ]; then
  # Nothing else is written either: an agent that crashed in the meantime would start with it out of turn.
  found "consul.service running (what it is to run with is looked at in its turn)"
  exit 0
fi
[ $tls = no ] || place_certificate
place_config "$config_dir" config.json

# Servers that are only now becoming members cannot vote yet: what counts is how many there were the last time.
voters=$(note consul-servers)
if [ -z "$voters" ] || [ "$voters" -gt "$servers" ]; then voters=$servers; fi

# A restarted server counts again when Autopilot calls the whole cluster healthy with every server voting.
cluster_healthy() {
  consul_health | awk -v servers="$voters" '
    $1 == "healthy" { healthy = $2 } $1 == "server" && $3 ~ /^(leader|voter)$/ { voters++ }
    END { exit !(healthy == "true" && voters >= servers) }'
}
seen() { consul_health | tr '\n' ';'; }

# In its turn, an agent has tokens that Consul knows by now.
known_to_consul() {
  [ -n "$tokens" ] && [ "$turn" = yes ] && [ $other_form = no ] || return 0
  until_true "$timeout" consul_get 127.0.0.1 /v1/agent/self >/dev/null ||
    die "Consul does not serve this agent after $timeout s: it may not know its token, which follows from TF_VAR_consul_token: $(journal consul.service)"
}

# of BINARY: a hash of all that the agent is started with; the binary's content stands in it, or a hash of that.
of() {
  {
    "$@"
    unit_text "$role"
    cat "$config_dir"/*.json
  } | sha256sum | cut -d' ' -f1
}
# What it has run with in a former role, or to bootstrap the cluster, has the same secrets, and nobody looks after it any more.
forget_role() {
  for former in server client bootstrap; do
    for name in config.json bootstrap.json encrypt.json; do
      if [ "$former" = "$role" ] || [ ! -e "/etc/consul.d/$former/$name" ]; then continue; fi
      rm -f "/etc/consul.d/$former/$name"
      changed "/etc/consul.d/$former/$name (removed): this agent is a $role"
    done
  done
}

wanted=$(of binary_hash)
if [ $running = yes ]; then
  binary=$consul_binary
  [ ! -f "$consul_next" ] || binary=$consul_next
  was=$(note consul-running)
  # Before 0.2.0 the note was made of the content.
  if [ "$was" = "$wanted" ] || [ "$was" = "$(of cat "$binary")" ]; then
    found "consul.service running with this configuration"
    note consul-running "$wanted"
    note consul-servers "$servers"
    note consul-form "$form"
    forget_role
    known_to_consul
    exit 0
  fi
  report=$("$binary" validate "$config_dir" 2>&1) || die "consul refuses the configuration in $config_dir: $report"
fi

had_leader=no
[ $other_form = yes ] || ! consul_health | grep -q '^leader .' || had_leader=yes
if [ $running = yes ] && [ "$role" = server ] && [ $had_leader = yes ]; then
  until_true "$timeout" cluster_healthy ||
    die "will not restart this Consul server while the cluster is unhealthy: $(seen)"
fi
place_binary
place_unit "$role"
if [ $running = yes ]; then
  systemctl restart consul.service
  changed "consul.service (restarted)"
else
  systemctl start consul.service
  changed "consul.service (started)"
fi
# It answers, or has ended, and systemd is about to start it again.
ended() { [ "$(systemctl show -p SubState --value consul.service)" != running ]; }
# Or refuses to, as long as Consul does not know the token that it has.
answers() { consul_get 127.0.0.1 /v1/agent/self '200|403' >/dev/null; }
until_true "$timeout" eval 'answers || ended' ||
  die "the Consul agent does not answer after $timeout s: $(journal consul.service)"
if ended; then
  why=$(journal consul.service)
  [ $running = yes ] || systemctl stop consul.service
  die "the Consul agent ends at once; it may refuse the configuration in $config_dir: $why"
fi
if [ "$role" = server ] && [ $had_leader = yes ]; then
  until_true "$timeout" cluster_healthy ||
    die "the cluster is not healthy $timeout s after this server's restart: $(seen)"
fi
if [ $tls = no ] && [ -e "$consul_pki/agent.pem" ]; then
  rm -f "$consul_pki/agent.pem"
  changed "$consul_pki/agent.pem (removed): agents talk to servers without TLS"
fi
[ -n "$tokens" ] || rm -f "$state/consul-tokens"
note consul-running "$wanted"
note consul-servers "$servers"
note consul-form "$form"
note consul-certificate "$certificate"
forget_role
known_to_consul
