# Names and ports that scripts on hosts share with the rest of the project.
# Written by `npm run reference` from cluster/names.ts, cluster/ports.ts and cluster/engines.ts. Change them there.
# shellcheck shell=sh disable=SC2034

state=/var/lib/multicast-swarm
hold=/run/multicast-swarm.deploy
pki=/etc/multicast-swarm
consul_pki=/etc/consul.d/tls
uploads=.multicast-swarm
manager_container=swarm-manager
agent_container=swarm-agent
weave_container=weave
cluster_label=multicast-swarm
verify_label=multicast-swarm.verify
multicast_group=224.2.2.3
multicast_port=54327
verify_tcp_port=54328
verify_mtu_port=54329
api_streams=1.40
api_logs=1.42
engine_drop_in=docker.service.d/multicast-swarm.conf
firewall_table=multicast_swarm
firewall_chain=MULTICAST-SWARM
firewall_unit=multicast-swarm-firewall.service
port_consul_server=8300
port_consul_serf_wan=8302
port_consul_serf_lan=8301
port_consul_http=8500
port_consul_dns=8600
port_consul_grpc_tls=8503
port_weave_peers=6783
port_weave_fast_datapath=6784
port_weave_proxy=12375
port_weave_status=6782
port_weave_api=6784
port_weave_dns=53
port_swarm_manager=4000
guarded_tcp=4000,6782,6783,6784,8300,8301,8302,8500,8503,8600,12375
guarded_udp=6783,6784,8301,8302,8600
