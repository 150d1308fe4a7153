/** A machine that keeps Terraform's state: a host of the lab that is no host of the cluster. */
import { atConsole, type Host, until } from "./lab.js";

/** The program of the Consul that keeps the state. */
export const stateConsul = "/usr/local/sbin/state-consul";

/** Installs packages, from the lab's mirror and without its settings for clusters. */
export const install = (on: Host, ...packages: readonly string[]): Promise<string> =>
  atConsole(
    on,
    `echo 'deb [trusted=yes] http://198.18.0.1/debian ./' >/root/state.list
    apt="apt-get -y -qq --no-install-recommends -o Dir::Etc::SourceList=/root/state.list -o Dir::Etc::SourceParts=/dev/null"
    { $apt update; DEBIAN_FRONTEND=noninteractive $apt install ${packages.join(" ")}; } >/dev/null 2>&1`,
  );

/** Starts a Consul there; it answers everybody. */
export async function serveConsul(on: Host): Promise<void> {
  await install(on, "unzip");
  await atConsole(
    on,
    `cd /root
    perl -MIO::Socket::INET -e '
      my $s = IO::Socket::INET->new("198.18.0.1:80") or die;
      print $s "GET /consul/1.22.7/consul_1.22.7_linux_amd64.zip HTTP/1.0\\r\\n\\r\\n";
      while (<$s>) { last if /^\\r/ } print while <$s>' >consul.zip
    unzip -q consul.zip && mv consul ${stateConsul}
    systemd-run -q --unit=state-consul -p Restart=on-failure ${stateConsul} agent -dev -client=0.0.0.0 -bind=${on.address}`,
  );
  await until(async () => /leader_addr = \d/.test(await atConsole(on, `${stateConsul} info || true`)));
}
