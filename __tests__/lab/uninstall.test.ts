/** What steps find on a host that others use too, and what uninstalling leaves there. The steps run without a deploy. */
import { spawnSync } from "node:child_process";
import { beforeAll, expect, it } from "vitest";
import type { Cluster } from "../../cluster/model.js";
import { artifactsTable } from "../../constructs/artifacts.js";
import { atConsole, expectWords, type Host, hosts, lab, oneAfterTheOther, read, useLab } from "./lab.js";
import { changes, snapshots, unchanged } from "./snapshot.js";

useLab("--hosts", "2");
oneAfterTheOther();

const state = "/var/lib/multicast-swarm";
/** One with an engine of its own, and one without. */
let own: Host;
let bare: Host;

/** A script on a host, which may fail: what it prints, and its status as the last line. */
const tried = (on: Host, script: string): Promise<string> =>
  atConsole(on, `(set +e; (set -e; cd /root/sent/scripts; ${script}\n) 2>&1; echo "status $?")`);
/** A script on a host, which has to succeed. */
async function done(on: Host, script: string): Promise<string> {
  const said = await tried(on, script);
  expectWords(said, /^status 0$/m);
  return said;
}
/** Installs packages as a step would. */
const withLibrary = (commands: string) => `cat >part.sh <<'END'
. /root/sent/scripts/lib.sh
. "$here/artifacts.sh"
. "$here/packages.sh"
${commands}
END
sh part.sh`;

/** The engine, installed by its step, with what it left of the host's before kept beside, so that its record can be put back. */
const install = (before = "") =>
  done(bare, `${before}\nsh docker-engine.sh api=1.18 lower=ours; rm -rf /run/kept; cp -a ${state} /run/kept`);
const putBack = `rm -rf ${state}; cp -a /run/kept ${state}`;

beforeAll(async () => {
  [own, bare] = hosts() as [Host, Host];
  await lab("lock");
  const table = artifactsTable({ artifacts: JSON.parse(read("artifacts.lock.json")).artifacts } as Cluster);
  const steps = spawnSync("tar", ["cz", "-C", "scripts/host/steps", "."]).stdout.toString("base64");
  for (const host of hosts()) {
    await atConsole(
      host,
      `mkdir -p /root/sent/scripts
      base64 -d <<'END' | tar xz --no-same-owner -C /root/sent/scripts
${steps}
END
      cat >/root/sent/artifacts.tsv <<'END'
${table}END`,
    );
  }
});

it("a host's own engine, wherever it is, keeps its data when something else was installed", async () => {
  await done(
    own,
    `mv /usr/sbin/dockerd /usr/local/bin/dockerd
    mkdir -p /etc/systemd/system/docker.service.d
    printf '[Service]\\nExecStart=\\nExecStart=/usr/local/bin/dockerd -H fd://\\n' >/etc/systemd/system/docker.service.d/own.conf
    systemctl daemon-reload
    systemctl restart docker
    docker volume create precious
    echo data >/var/lib/docker/volumes/precious/_data/file
    ${withLibrary("install_packages unzip")}`,
  );
  expectWords(
    await done(own, "sh docker-engine.sh api=1.18 lower=ours"),
    /found Docker Engine on the host; it stays as it is/,
  );
  expectWords(await done(own, "sh uninstall.sh"), /packages unzip \(removed\)/, /nothing of multicast-swarm is left/);
  expectWords(
    await done(
      own,
      `cat /var/lib/docker/volumes/precious/_data/file
      docker version >/dev/null
      systemctl is-active containerd
      docker volume rm precious
      rm -r /etc/systemd/system/docker.service.d
      mv /usr/local/bin/dockerd /usr/sbin/dockerd
      systemctl daemon-reload
      systemctl restart docker`,
    ),
    /^data$/m,
    /^active$/m,
  );
});

it("a data directory with something in it is refused, and an empty one is given back as it was", async () => {
  const step = "sh consul-install.sh role=server data_dir=/srv";
  const facts = "stat -c '%U:%G %a' /srv";
  expectWords(
    await tried(own, `chmod 711 /srv; echo data >/srv/file; ${step}`),
    /consul-install: ERROR: \/srv exists, is not empty and was not put there by multicast-swarm/,
    /^status 1$/m,
  );
  expectWords(
    await done(own, `${facts}; rm /srv/file; chown daemon:games /srv; ${step}; ${facts}`),
    /^root:root 711$/m,
    /^consul:consul 750$/m,
  );
  // Again, and with what Consul has put there.
  await done(
    own,
    `${step}; mkdir /srv/raft; echo 1 >/srv/raft/log; chown -R consul:consul /srv/raft; echo data >/srv/another`,
  );
  await done(own, "sh uninstall.sh");
  expectWords(
    await done(own, `${facts}; ls /srv | sed 's/^/left /'; rm /srv/another`),
    /^daemon:games 711$/m,
    /^left another$/m,
  );
  expect(await done(own, "ls /srv")).toBe("status 0\n");
  expectWords(await done(own, "chown root:root /srv; chmod 755 /srv; id consul 2>&1 || echo gone"), /^gone$/m);
});

it("an engine beside docker.service is refused", async () => {
  expectWords(
    await tried(
      bare,
      `systemd-run -q --unit other-engine systemd-socket-activate -l /run/docker.sock cat
      until [ -S /run/docker.sock ]; do sleep 0.1; done
      sh docker-engine.sh api=1.18 lower=ours`,
    ),
    /docker-engine: ERROR: found something that is not docker.service listening on \/run\/docker.sock/,
    /^status 1$/m,
  );
  await done(bare, `systemctl stop other-engine; rm -f /run/docker.sock; [ ! -e ${state} ]`);
});

it("an engine that was installed here works on without packages in the lock file, and stays for what others have in it", async () => {
  const before = await snapshots([bare]);
  await install();
  expectWords(
    await done(
      bare,
      "mv ../artifacts.tsv ../all.tsv; grep -v package: ../all.tsv >../artifacts.tsv; systemctl stop docker.socket docker; sh docker-engine.sh api=1.18 lower=ours",
    ),
    /found Docker Engine that multicast-swarm has installed/,
    /docker.service \(started\)/,
  );
  await done(bare, "mv ../all.tsv ../artifacts.tsv");

  const image = "tar c -T /dev/null | docker import - mine:1";
  const kinds = [
    [
      "containers",
      "one",
      `${image} && docker create --name one mine:1 true`,
      "docker rm one && docker image rm mine:1",
    ],
    ["volumes", "precious", "docker volume create precious", "docker volume rm precious"],
    ["networks", "their-net", "docker network create their-net", "docker network rm their-net"],
    ["images", "mine:1", image, "docker image rm mine:1"],
    [
      "namespaces of containerd",
      "theirs",
      `${image} && docker save mine:1 | ctr -n theirs images import - && docker image rm mine:1`,
      "ctr -n theirs images rm docker.io/library/mine:1",
    ],
  ] as const;
  for (const [kind, name, create, remove] of kinds) {
    expectWords(
      await done(
        bare,
        `${putBack}; ${create}; sh uninstall.sh; docker version >/dev/null; getent group docker; ${remove}`,
      ),
      new RegExp(`uninstall: found ${kind} that multicast-swarm did not create: ${name}`),
      /Docker Engine in use by others; it stays/,
      /^docker:/m,
    );
  }

  // What is ours does not keep it, nor what verify has left; and it is started when it is down.
  const said = await done(
    bare,
    `${putBack}; ${image}
    printf '%s\\n' 'image mine:1' >>${state}/created
    docker create --name swarm-agent --label multicast-swarm=lab mine:1 true
    docker create --name pingtest --label multicast-swarm.verify=1 mine:1 true
    docker create --name swarm-manager --label multicast-swarm.verify=2 mine:1 true
    systemctl stop docker.socket docker
    sh uninstall.sh`,
  );
  expectWords(
    said,
    /docker.service \(started/,
    /container swarm-agent \(removed\)/,
    /image mine:1 \(removed\)/,
    /\/var\/lib\/docker \(emptied\)/,
  );
  expect(changes(before, await snapshots([bare]))).toEqual(unchanged([bare]));
});

it("what others have put beside the engine stays, however often uninstalling is cut off", async () => {
  await atConsole(bare, "echo theirs >/var/lib/docker/theirs");
  const before = await snapshots([bare]);
  await install();
  // Another package needs one that came with the engine, and another program has rules and forwards.
  await done(
    bare,
    `mkdir -p /root/deb/DEBIAN
    printf 'Package: their-firewall\\nVersion: 1\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\nDepends: iptables\\n' >/root/deb/DEBIAN/control
    dpkg-deb --build /root/deb /root/their.deb
    dpkg -i /root/their.deb
    iptables -N MYDOCKER
    iptables -A INPUT -i docker0 -p udp --dport 53 -j ACCEPT
    iptables -A FORWARD -i docker0 -d 192.0.2.1 -j DROP
    iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -o docker0 -j MASQUERADE
    ip link add their-bridge type bridge`,
  );
  // A daemon that cannot be started: nothing is lost, nothing is forgotten.
  expectWords(
    await tried(
      bare,
      `systemctl stop docker.socket docker; printf 'image mine:1\\n' >>${state}/created
      mkdir -p /run/systemd/system/docker.service.d
      printf '[Service]\\nExecStartPre=/bin/false\\n' >/run/systemd/system/docker.service.d/broken.conf
      systemctl daemon-reload
      cp ${state}/created /run/created
      sh uninstall.sh`,
    ),
    /uninstall: ERROR: Docker Engine does not answer, so that this stays: mine:1, and containers/,
    /^status 1$/m,
  );
  await done(
    bare,
    `cmp ${state}/created /run/created; rm -r /run/systemd/system/docker.service.d; systemctl daemon-reload`,
  );

  // Cut off before each of these in turn; sh -c 'kill' leaves no time for anything.
  const cuts = [
    "systemctl stop docker.socket",
    "forget_engine$",
    "apt_get remove",
    "apt_get purge",
    "for group in",
    'rm -rf \\"\\$state\\"',
  ];
  for (const at of cuts) {
    expectWords(
      await tried(
        bare,
        `rm -rf /run/cut; mkdir /run/cut; cp -r . /run/cut/scripts; cd /run/cut/scripts
        sed -i "s@^ *\\(${at}\\)@kill -9 \\$\\$; \\1@" uninstall*.sh; sh uninstall.sh`,
      ),
      /^status 137$/m,
    );
  }
  await done(bare, "sh uninstall.sh");

  const left = await done(
    bare,
    `cat /var/lib/docker/theirs
    dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' docker.io containerd iptables their-firewall
    iptables-save
    cat /proc/sys/net/ipv4/ip_forward`,
  );
  expectWords(
    left,
    /^theirs$/m,
    /^their-firewall installed$/m,
    /^iptables installed$/m,
    /^docker.io config-files$/m,
    /^:MYDOCKER /m,
    /^-A INPUT -i docker0 -p udp -m udp --dport 53 -j ACCEPT$/m,
    /^-A FORWARD -d 192.0.2.1\/32 -i docker0 -j DROP$/m,
    /^-A POSTROUTING -s 192.0.2.0\/24 -o docker0 -j MASQUERADE$/m,
    /^:FORWARD DROP/m,
    /^1$/m,
  );
  expect(left).not.toMatch(/DOCKER-|^containerd installed/m);

  // Without them, nothing but what was said to stay differs from before.
  await done(
    bare,
    `ip link delete their-bridge
    iptables -F; iptables -t nat -F; iptables -X; iptables -P FORWARD ACCEPT
    dpkg --purge their-firewall docker.io iptables libip6tc2 libnftnl11 libnetfilter-conntrack3 libnfnetlink0
    echo 0 >/proc/sys/net/ipv4/ip_forward
    rm -rf /root/deb /root/their.deb /run/created /run/cut`,
  );
  expect(
    changes(
      before,
      await snapshots([bare]),
      // Beside what was there, its folder has what the engine has made.
      /^more: .* \/(var\/lib\/docker|root\/sent\/scripts)\/|^(more|less): .* \/root\/sent\/scripts $/,
    ),
  ).toEqual(unchanged([bare]));
  await atConsole(bare, "rm /var/lib/docker/theirs");
});

it("a host's own containerd is neither stopped nor emptied when the engine beside it goes", async () => {
  const running = "systemctl show --value -p MainPID containerd | sed 's/^/running /'";
  const was = await done(
    bare,
    `${withLibrary(`for name in libseccomp2 runc containerd; do
  [ -z "$(package_version $name)" ] || continue
  artifact "package:docker-engine:$name"
  fetch "$artifact_source" "$artifact_sha256"
  dpkg -i "$fetched"
done`)}
    rm -rf ${state}
    echo theirs >/var/lib/containerd/theirs
    ${running}`,
  );
  const [process] = /^running [1-9]\d*$/m.exec(was) ?? [];
  await done(bare, "sh docker-engine.sh api=1.18 lower=ours");
  expectWords(await done(bare, "sh uninstall.sh"), /docker\.io.* \(removed\)/, /nothing of multicast-swarm is left/);
  expectWords(
    await done(bare, `! command -v dockerd; cat /var/lib/containerd/theirs; ${running}`),
    /^theirs$/m,
    new RegExp(`^${process}$`, "m"),
  );
  await done(bare, "dpkg --purge containerd runc; rm -rf /var/lib/containerd");
});

it("a package that is there in an older version is upgraded, and stays", async () => {
  await done(
    bare,
    `mkdir -p /root/old/DEBIAN
    printf 'Package: unzip\\nVersion: 5.0\\nArchitecture: amd64\\nMaintainer: x\\nDescription: x\\n' >/root/old/DEBIAN/control
    dpkg-deb --build /root/old /root/old.deb
    dpkg -i /root/old.deb
    ${withLibrary("install_packages unzip")}`,
  );
  await done(bare, "sh uninstall.sh");
  expectWords(await done(bare, "dpkg-query -W unzip; dpkg --purge unzip"), /^unzip\s6\.0/m);
});
