/** From three bare hosts to the cluster, again without a change, and back to bare hosts. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  atConsole,
  atConsoles,
  expectWords,
  host,
  hosts,
  keyForms,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  read,
  start,
  tryVerify,
  until,
  useLab,
  verify,
  write,
} from "./lab.js";
import { watchProcesses } from "./processes.js";
import { changes, snapshots, unchanged } from "./snapshot.js";

useLab("--hosts", "3");

/** Everything below a folder that is read as it is; for what is packed, see `unpacked`. */
const filesBelow = (path: string): string[] =>
  readdirSync(path, { recursive: true, encoding: "utf8" })
    .map((name) => join(path, name))
    .filter((name) => statSync(name, { throwIfNoEntry: false })?.isFile());

/** Services' processes and containers, as they are on each host. */
const running = () =>
  atConsoles("systemctl show -p Id,MainPID,NRestarts consul docker weave && docker ps -q --no-trunc | sort");

describe("deploy", () => {
  oneAfterTheOther();
  let before: Record<string, string[]>;
  let output = "";
  let seen: ReadonlySet<string>;
  const canaries = { operator: "canary-of-the-operator", host: "canary-of-a-host" };

  beforeAll(async () => {
    before = await snapshots();
    const watch = watchProcesses([...keyForms(), ...Object.values(canaries)]);
    const up = start("scripts/lab", ["up"]);
    await up.printed(/gate-consul|Creation complete/);
    // Processes that have the words in their command lines until they have been seen.
    const [first] = hosts();
    if (!first) {
      throw new Error("no hosts");
    }
    const shows = (word: string) => `sleep 0.3; : ${word}`;
    await until(async () => {
      await Promise.all([
        start("sh", ["-c", shows(canaries.operator)]).ended,
        atConsole(first, `sh -c '${shows(canaries.host)}'`),
      ]);
      return Object.values(canaries).every((word) => watch.seen.has(word));
    });
    const { status, output: printed } = await up.ended;
    seen = watch.end();
    output = printed;
    expect(status, output.split("\n").slice(-80).join("\n")).toBe(0);
  });

  it("ends with all servers voting, all connections established and all nodes healthy", () => {
    const count = hosts().length;
    expectWords(output, new RegExp(`gate-consul: found Consul: ${count} voters`));
    expectWords(output, new RegExp(`Connections: ${count - 1} \\(${count - 1} established\\)`));
    expectWords(output, new RegExp(`Peers: ${count} \\(with ${count * (count - 1)} established connections\\)`));
    expectWords(output, new RegExp(`^ Nodes: ${count}$`, "m"));
    for (const { name, address } of hosts()) {
      expectWords(output, new RegExp(`^  ${name}: ${address}:12375\\n.*\\n.*Status: Healthy$`, "m"));
    }
    expectWords(output, /verify: healthy/);
  });

  it("opens the Swarm's Docker API on the host's own address and on loopback, and nowhere else", async () => {
    const listeners = await atConsoles("ss -Hlnt 'sport = :4000' | awk '{ print $4 }' | sort");
    for (const { name, address } of hosts()) {
      expect(listeners[name]).toBe(`127.0.0.1:4000\n${address}:4000\n`);
    }
  });

  it("shows the gossip key in no process's command line, of operator or hosts", () => {
    // The canaries show that one that is there for a moment would have been seen.
    expect([...seen].sort()).toEqual(Object.values(canaries).sort());
  });

  it("shows the gossip key in nothing that it prints or writes on the operator's machine", async () => {
    const stack = labFile("cdktf.out/stacks/lab");
    const plan = labFile("plan-for-test");
    // Replacing what has the key among its inputs: a plan without changes would hold no configuration of it.
    const replaced = ["-replace=null_resource.h1_consul_install", "-replace=null_resource.preflight_hosts"];
    const planned = await operator("terraform", `-chdir=${stack}`, "plan", "-input=false", `-out=${plan}`, ...replaced);
    expect(planned.status, planned.output).toBe(0);
    const shown = await operator("terraform", `-chdir=${stack}`, "show", "-json", plan);
    const unpacked = await operator("busybox", "unzip", "-p", plan);
    const diff = await lab("plan");
    const texts: Record<string, string> = {
      "output of deploy": output,
      "output of plan": planned.output + diff,
      "plan as JSON": shown.output,
      "plan file": unpacked.output,
      state: read("terraform.lab.tfstate"),
    };
    for (const [name, text] of Object.entries(texts)) {
      expect(text, `nothing read of ${name}`).toMatch(/consul_start/);
    }
    for (const file of [...filesBelow(labFile("cdktf.out")), ...filesBelow(join(__dirname, "../../.build"))]) {
      texts[file] = readFileSync(file, "latin1");
    }
    const showing = Object.entries(texts).filter(([, text]) => keyForms().some((form) => text.includes(form)));
    expect(showing.map(([name]) => name)).toEqual([]);
  });

  it("leaves the gossip key on hosts where Consul alone can read it", async () => {
    // The key goes by standard input, as the deploy's own steps have it.
    const holders = await atConsoles(`
      # The engine's own data are read too: a container's settings stand there.
      grep -rlsaF --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev -f - / <<'END' | sort >/run/holders || true
${keyForms().join("\n")}
END
      xargs -r stat -c '%n %a %U:%G' </run/holders
      rm /run/holders`);
    for (const { name } of hosts()) {
      const lines = holders[name]?.trim().split("\n") ?? [];
      expect(lines).toContain("/etc/consul.d/server/encrypt.json 640 root:consul");
      const open = lines.filter(
        (line) =>
          !/^(\/etc\/consul\.d\/server\/encrypt\.json 640 root:consul|\/var\/consul\/serf\/(local|remote)\.keyring 600 consul:consul)$/.test(
            line,
          ),
      );
      expect(open).toEqual([]);
    }
  });

  it("keeps Consul's agents from everything but their data", async () => {
    const tried = await atConsoles(`
      pid=$(systemctl show --value -p MainPID consul)
      grep -xE 'CapBnd:.*|NoNewPrivs:.*|Seccomp:.*' /proc/$pid/status | tr -d '\\t'
      nsenter --target $pid --mount setpriv --reuid consul --regid consul --clear-groups sh -c '
        for folder in /etc /run/lock /dev/shm /tmp /var/tmp /var/consul; do
          touch $folder/tried 2>/dev/null && rm $folder/tried && echo $folder
        done
        ls -A /home'`);
    for (const { name } of hosts()) {
      expect(tried[name]).toBe("CapBnd:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n/tmp\n/var/tmp\n/var/consul\n");
    }
  });

  it("changes nothing when it is run again, and touches no service and no container", async () => {
    const was = await running();
    expectWords(await lab("deploy"), /0 added, 0 changed, 0 destroyed/);
    expect(await running()).toEqual(was);
  });

  it("restarts Weave's routers, and Consul's servers, one after the other when one of their options has changed, and nothing else", async () => {
    const others = () =>
      atConsoles(
        "systemctl show -p Id,MainPID docker && docker ps -q --no-trunc --filter label=multicast-swarm | sort",
      );
    // When each has stopped and started again, in the order of the hosts.
    const turns = async (unit: string) => {
      const told = await atConsoles(
        `for turn in ActiveExit ActiveEnter; do systemctl show --value -p "$turn"TimestampMonotonic ${unit}; done`,
      );
      return hosts().flatMap(({ name }) => (told[name] ?? "").trim().split("\n").map(Number));
    };
    const [was, last, file] = [
      await others(),
      Math.max(...(await turns("weave")), ...(await turns("consul"))),
      read("cluster.yaml"),
    ];
    write(
      "cluster.yaml",
      file.replace(/^weave:$/m, "weave:\n  dns: false").replace(/^consul:$/m, "consul:\n  logLevel: WARN"),
    );
    await lab("deploy");
    const { output } = await tryVerify();
    write("cluster.yaml", file);
    expectWords(output, /names are off \(weave\.dns\)/, /verify: healthy/);
    expect(await others()).toEqual(was);
    for (const unit of ["weave", "consul"]) {
      const times = [last, ...(await turns(unit))];
      expect(times, unit).toEqual([...times].sort((one, other) => one - other));
      expect(new Set(times).size, unit).toBe(times.length);
    }
    expectWords(await atConsole(host("h1"), "weave status"), /Connections: 2 \(2 established/);
  });

  it("is undone by destroy, which leaves the hosts as they were", async () => {
    await lab("destroy");
    // The last thing to go is the folder of uploads, when Terraform has hung up.
    await until(async () => {
      const left = await atConsoles("ls -d /root/.multicast-swarm* 2>/dev/null || true");
      return Object.values(left).every((names) => names === "");
    });
    expect(changes(before, await snapshots())).toEqual(unchanged());
  });

  it("works after a destroy", async () => {
    await lab("deploy");
    await verify();
  });
});
