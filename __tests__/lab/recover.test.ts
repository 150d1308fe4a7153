/** What scripts/recover does where Weave's proxy is dead or a host is off, either of which stops all of Terraform. */
import { describe, expect, it } from "vitest";
import {
  atConsole,
  changesNothing,
  expectFailure,
  expectWords,
  host,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  read,
  tryLab,
  until,
  useCluster,
  verify,
  write,
} from "./lab.js";

useCluster();
oneAfterTheOther();

const swarm = "docker ps -a --format '{{.Names}}' | grep '^swarm' | sort";
const terraform = /error fetching container information|Cannot connect to the Docker daemon/i;

describe("Weave's proxy is dead", () => {
  it("on one host that can be mended, and on one that cannot: nothing works", async () => {
    await atConsole(host("h1"), "systemctl stop weave.service");
    // Whatever starts it again finds no such image.
    const version = "sed -i 's/^WEAVE_VERSION=.*/WEAVE_VERSION=0.0.0/' /etc/default/weave";
    await atConsole(host("h2"), `systemctl stop weave.service; ${version}`);
    expectFailure(await tryLab("deploy"), terraform);
    expectFailure(await tryLab("destroy"), terraform);
  });

  it("recover starts the one, and lets Terraform go on without the other", async () => {
    const output = await lab("recover");
    expectWords(
      output,
      /h1 recover: changed weave\.service \(started\)/,
      /h1 recover: found Weave's proxy answering/,
      /h2 recover: found that weave\.service does not start/,
      /h2 \(\S+\): Weave's proxy does not answer/,
      /took docker_container\.h2_\S+ and docker_container\.h2_\S+ out of Terraform's state/,
    );
    expect(output).not.toContain("docker_container.h1_");
    expect(await atConsole(host("h1"), swarm)).toBe("swarm-agent\nswarm-manager\n");
  });

  it("the next deploy mends the other", async () => {
    expectWords(await lab("deploy"), /docker_container\.h2_swarm_manager.*: Creation complete/);
    await verify();
  });
});

describe("a host is off", () => {
  const off = () => host("h2");

  it("and nothing works", async () => {
    await lab("poweroff", off().name);
    expectFailure(await tryLab("plan"), terraform);
  });

  it("recover names it and what to do; a plan works again, and a deploy up to the preflight", async () => {
    const { name, address } = off();
    expectWords(
      await lab("recover"),
      new RegExp(`${name} \\(${address}\\): unreachable: ${address} port 22`),
      new RegExp(`took docker_container\\.${name}_\\S+ and \\S+ out of Terraform's state`),
      /once it is back: scripts\/recover again, then deploy/,
    );
    await lab("plan");
    expectFailure(await tryLab("deploy"), new RegExp(`${name} \\(${address}\\) +reach +unreachable`));
  });

  it("once it is back, recover and a deploy make the cluster whole", async () => {
    await lab("poweron", off().name);
    // Its engine starts the containers that the state no longer knows.
    await until(async () => /swarm-agent/.test(await atConsole(off(), `${swarm} || true`)));
    expectWords(await lab("recover"), /h2 recover: changed swarm-agent: removed, Terraform's state does not know it/);
    await lab("deploy");
    await verify();
    await changesNothing();
  });
});

describe("a cluster is destroyed while a host is off", () => {
  const gone = "test ! -e /var/lib/multicast-swarm && test ! -e /run/multicast-swarm.deploy && echo gone || echo there";

  it("the others are uninstalled, and the one that is left is named", async () => {
    await lab("poweroff", "h2");
    await lab("recover");
    expectFailure(await tryLab("destroy"), /with terraform_data\.h2_teardown/, /no route to host|timeout/);
    expect(await atConsole(host("h1"), gone)).toBe("gone\n");
  });

  it("with `down: true` Terraform forgets that one, and it keeps what it has", async () => {
    write("cluster.yaml", read("cluster.yaml").replace("- name: h2", "- name: h2\n    down: true"));
    await lab("destroy");
    expect(await operator("terraform", `-chdir=${labFile("cdktf.out/stacks/lab")}`, "state", "list")).toEqual({
      status: 0,
      output: "",
    });
    await lab("poweron", "h2");
    expect(await atConsole(host("h2"), gone)).toBe("there\n");
  });
});
