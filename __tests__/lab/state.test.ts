/** Terraform's state where a team keeps it: in Consul and in PostgreSQL, on a machine that is no host of the cluster. */
import { existsSync, rmSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  atConsole,
  changesNothing,
  expectFailure,
  expectWords,
  host,
  killBelow,
  lab,
  labFile,
  oneAfterTheOther,
  operator,
  type Running,
  read,
  start,
  tryLab,
  until,
  useLab,
  verify,
  write,
} from "./lab.js";
import { install, serveConsul, stateConsul } from "./state-server.js";

useLab("--hosts", "2");

/** Where the states are. */
const server = () => host("h2");
const password = "a-word-of-the-test";

beforeAll(async () => {
  // An entry of a list ends where the next line is not indented further.
  write("cluster.yaml", read("cluster.yaml").replace(/^ {2}- name: h2\n( {4}.*\n)+/m, ""));
  await install(server(), "postgresql-15");
  await atConsole(
    server(),
    `echo "listen_addresses = '*'" >>/etc/postgresql/15/main/postgresql.conf
    echo 'host all all 198.18.0.0/24 scram-sha-256' >>/etc/postgresql/15/main/pg_hba.conf
    systemctl restart postgresql@15-main
    cd /
    echo "create role terraform login password '${password}'; create database state owner terraform" |
      sed 's/; /;\\n/' | runuser -u postgres -- psql -q`,
  );
  await serveConsul(server());
});

/** Says where the state is to be, in place of what the cluster file says of it. */
function keepIn(backend: string): void {
  write("cluster.yaml", `${read("cluster.yaml").replace(/^backend:\n( .*\n)*/m, "")}${backend}`);
}

/** Another operator's deploy, from a working copy of their own, which keeps what Terraform notes there of a backend. */
const anotherDeploy = () =>
  operator(..."npx cdktf deploy --auto-approve --skip-provider-lock --output".split(" "), labFile("another"));

/** A deploy that is killed, with everything it has started, after another was refused. */
async function refusesAnotherAndIsKilled(deploy: Running): Promise<void> {
  await deploy.printed(/: (Creating|Destroying)\.\.\./);
  // The deploy waits for a host that does not go on.
  await atConsole(host("h1"), "pkill -STOP sshd");
  try {
    expectFailure(await anotherDeploy(), /Error acquiring the state lock/);
    killBelow(deploy);
    await deploy.ended;
  } finally {
    await atConsole(host("h1"), "pkill -CONT sshd");
  }
}

oneAfterTheOther();

describe("in Consul", () => {
  it("a deploy locks out another; when it is killed, recover and a deploy finish the job", async () => {
    keepIn("backend:\n  type: consul\n  config:\n    address: 198.18.0.12:8500\n    path: platform/lab\n");
    await lab("lock");
    await refusesAnotherAndIsKilled(start("scripts/lab", ["deploy"]));
    await lab("recover");
    // Consul lets go of the lock when it has not heard from its holder for a while, and gives it to nobody for some seconds
    // more; a state of which nothing was written yet needs no lock to recover.
    let deploy = await tryLab("deploy");
    await until(async () => {
      const locked = /Error acquiring the state lock/.test(deploy.output);
      if (locked) {
        deploy = await tryLab("deploy");
      }
      return !locked;
    });
    expect(deploy.status, deploy.output).toBe(0);
    await verify();
    await changesNothing();
  });

  it("another working copy knows the same state", async () => {
    expectWords((await anotherDeploy()).output, /0 added, 0 changed, 0 destroyed/);
    expect(existsSync(labFile("terraform.lab.tfstate"))).toBe(false);
    expect(await atConsole(server(), `${stateConsul} kv get platform/lab | head -c 1`)).toBe("{");
  });
});

describe("in PostgreSQL", () => {
  beforeAll(() => {
    process.env.PGUSER = "terraform";
    process.env.PGPASSWORD = password;
  });

  it("what was in Consul is taken along", async () => {
    keepIn(
      "backend:\n  type: pg\n  config:\n    conn_str: postgres://198.18.0.12/state?sslmode=disable\n    schema_name: lab\n",
    );
    expectFailure(await anotherDeploy(), /Backend configuration changed/);
    expectWords(await lab("deploy", "--migrate-state"), /0 added, 0 changed, 0 destroyed/);
    // As docs/state.md says: a working copy that did not move the state must not move what is left at the old place.
    rmSync(labFile("another"), { recursive: true });
    expectWords((await anotherDeploy()).output, /0 added, 0 changed, 0 destroyed/);
  });

  it("a deploy locks out another; when it is killed, recover and a deploy finish the job", async () => {
    write("cluster.yaml", read("cluster.yaml").replace(/^consul:$/m, "consul:\n  logLevel: WARN"));
    await refusesAnotherAndIsKilled(start("scripts/lab", ["deploy"]));
    await lab("recover");
    await lab("deploy");
    await verify();
    await changesNothing();
  });

  it("and back to a file", async () => {
    keepIn("");
    expectWords(await lab("deploy", "--migrate-state"), /0 added, 0 changed, 0 destroyed/);
    expectWords(await lab("destroy"), /nothing of multicast-swarm is left/);
  });
});
