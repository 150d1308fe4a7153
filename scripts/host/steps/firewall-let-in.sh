# What the unit of the allow-list runs beside nft, where there is an iptables command, which ufw uses too: a chain of its own
# that lets in who is on the list, and a jump to it as the first rule of INPUT. An nftables table cannot open what another
# one closes. firewall.sh puts it on the host with names.sh in front of it.
# Arguments: load | remove
# shellcheck shell=sh disable=SC2154 # names.sh sets what it uses
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

command -v iptables >/dev/null || exit 0
case $1 in
  load)
    # The chain is replaced in one go, everything else stays.
    iptables-restore -w --noflush <"$state/firewall.iptables"
    iptables -w -C INPUT -j "$firewall_chain" 2>/dev/null || iptables -w -I INPUT -j "$firewall_chain"
    ;;
  remove)
    while iptables -w -D INPUT -j "$firewall_chain" 2>/dev/null; do :; done
    ! iptables -w -F "$firewall_chain" 2>/dev/null || iptables -w -X "$firewall_chain"
    ;;
esac
