/** What ssh and sudo say becomes a finding with a way out. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { explainContact, explainInOneLine, sudoersLine } from "../../ssh/explain.js";
import type { SshResult } from "../../ssh/ssh.js";
import { host, inventory as inventoryOf } from "../fixtures/inventories.js";

const { login, ...one } = host(2);
const second = { ...one, login: { ...login, user: "ops", keyFile: "id_ed25519" } };
const inventory = inventoryOf([host(1), second]);

describe("explainContact", () => {
  const cases: readonly [string, Partial<SshResult>, string, string][] = [
    [
      "timeout",
      { stderr: "ssh: connect to host 198.18.0.12 port 22: Connection timed out\r\n" },
      "reach",
      "connection timed out",
    ],
    [
      "no route",
      { stderr: "ssh: connect to host 198.18.0.12 port 22: No route to host\r\n" },
      "reach",
      "no route to host",
    ],
    [
      "refused",
      { stderr: "ssh: connect to host 198.18.0.12 port 22: Connection refused\r\n" },
      "reach",
      "connection refused by 198.18.0.12 port 22",
    ],
    [
      "unknown key",
      {
        stderr:
          "No ED25519 host key is known for 198.18.0.12 and you have requested strict checking.\r\nHost key verification failed.\r\n",
      },
      "host key",
      "no key of h2 (198.18.0.12) in known_hosts",
    ],
    [
      "changed key",
      {
        stderr:
          "@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:5d0OmZ5sFzM3mVpF2P6aF1m7c2wYVQnU8p5VZqfZtRQ.\r\nHost key verification failed.\r\n",
      },
      "host key",
      "SHA256:5d0OmZ5sFzM3mVpF2P6aF1m7c2wYVQnU8p5VZqfZtRQ",
    ],
    [
      "denied",
      { stderr: "ops@198.18.0.12: Permission denied (publickey).\r\n" },
      "login",
      "permission denied (publickey) for ops@198.18.0.12",
    ],
    [
      "no key file",
      {
        stderr: "ops@198.18.0.12: Permission denied (publickey).\r\n",
      },
      "login",
      "there is no key file id_ed25519",
    ],
    [
      "anything else",
      { stderr: "kex_exchange_identification: Connection closed by remote host\n" },
      "reach",
      "kex_exchange_identification",
    ],
    ["password", { status: 1, stderr: "sudo: a password is required\n" }, "sudo", "sudo asks ops for a password"],
    ["not allowed", { status: 1, stderr: "sudo: ops is not in the sudoers file\n" }, "sudo", "sudo refuses ops"],
    ["no sudo", { status: 127, stderr: "bash: line 1: sudo: command not found\n" }, "sudo", "there is no sudo"],
  ];
  test.each(cases)("%s", (_, result, check, found) => {
    const finding = explainContact(inventory, second, {
      status: 255,
      stdout: "",
      stderr: "",
      ...result,
    });
    expect(finding).toMatchObject({ host: "h2", check, found: expect.stringContaining(found) });
  });

  test("tells the jump host from the host behind it", () => {
    const bastion = { address: "198.18.0.1", user: "root", port: 22, hostKeys: [] };
    const found = (stderr: string) =>
      explainContact({ ...inventory, bastion }, second, { status: 255, stdout: "", stderr })?.found;
    expect(
      found("ssh: connect to host 198.18.0.1 port 22: No route to host\nConnection closed by UNKNOWN port 65535\n"),
    ).toBe("unreachable: jump host 198.18.0.1 port 22: no route to host");
    expect(found("kex_exchange_identification: Connection closed by remote host\n")).toBe(
      "unreachable: 198.18.0.12 port 22: the jump host 198.18.0.1 gets no connection to it",
    );
    expect(found("ops@198.18.0.12: Permission denied (publickey).\n")).toMatch("for ops@198.18.0.12");
    expect(found("root@198.18.0.1: Permission denied (publickey).\n")).toMatch("for root@198.18.0.1");
  });

  test("has nothing to say when the script ran", () => {
    expect(explainContact(inventory, second, { status: 0, stdout: "", stderr: "" })).toBeUndefined();
    const failed = { status: 1, stdout: "", stderr: "sh: 3: syntax error\n" };
    expect(explainContact(inventory, second, failed)).toBeUndefined();
  });
});

describe("explainInOneLine", () => {
  const bastion = { address: "198.18.0.1", user: "root", port: 22, hostKeys: [] };

  test.each([
    [
      "@@@\r\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.\r\n",
      "the host key is not the one in known_hosts; to fix it: on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; if it shows the same, scripts/hostkeys --replace h1",
    ],
    [
      "No ED25519 host key is known for 198.18.0.11 and you have requested strict checking.\r\nHost key verification failed.\r\n",
      "no key of h1 (198.18.0.11) in known_hosts, or none of a type that it offers; to fix it: scripts/hostkeys --replace h1, and compare with its console",
    ],
    [
      "root@198.18.0.11: Permission denied (publickey).\r\n",
      "permission denied (publickey) for root@198.18.0.11; to fix it: ssh-copy-id -p 22 root@198.18.0.11",
    ],
    [
      "stdio forwarding failed\r\nkex_exchange_identification: Connection closed by remote host\r\n",
      "unreachable: 198.18.0.11 port 22: the jump host 198.18.0.1 gets no connection to it; to fix it: start the host and check its network, or correct its address in the cluster file",
    ],
    [
      "ssh: connect to host 198.18.0.11 port 22: No route to host\r\n",
      "unreachable: 198.18.0.11 port 22 (by way of 198.18.0.1): no route to host; to fix it: start the host and check its network, or correct its address in the cluster file",
    ],
    ["", "ssh failed and gave no reason; to fix it: ssh -p 22 root@198.18.0.11 shows what is in the way"],
  ])("failures of ssh are one line each", (stderr, text) => {
    const line = explainInOneLine({ ...inventory, bastion }, host(1), { status: 255, stdout: "", stderr });
    expect(line).toBe(`h1 (198.18.0.11): ${text}`);
  });

  test("a script that failed is told by its last lines, or by its status", () => {
    const failed = (stderr: string) => explainInOneLine(inventory, host(1), { status: 3, stdout: "", stderr });
    expect(failed("one\ntwo\nthree\nfour\n")).toBe("h1 (198.18.0.11): two; three; four");
    expect(failed("")).toBe("h1 (198.18.0.11): exit status 3");
  });

  test("the jump host itself", () => {
    const stderr = "ssh: connect to host 198.18.0.1 port 22: Connection refused\r\n";
    expect(explainInOneLine({ ...inventory, bastion }, "bastion", { status: 255, stdout: "", stderr })).toMatch(
      /^the jump host 198\.18\.0\.1: connection refused by jump host 198\.18\.0\.1 port 22; to fix it: /,
    );
  });
});

test("what is suggested for sudo is what docs/privileges.md lists", () => {
  const page = readFileSync(join(__dirname, "../../docs/privileges.md"), "utf8");
  expect(page.split("\n")).toContain(sudoersLine("ops"));
});
