/** A lab that is put away and back: its host boots with what it had, and the operator's files are as they were. */
import { expect, it } from "vitest";
import {
  atConsole,
  bareHosts,
  expectFailure,
  host,
  lab,
  oneAfterTheOther,
  read,
  tearDown,
  tryLab,
  write,
} from "./lab.js";

tearDown();
oneAfterTheOther();

const name = "of-one-host";
const facts = () => atConsole(host("h1"), "cat /etc/machine-id /etc/ssh/ssh_host_*_key.pub /root/kept");

let saved: { host: string; file: string };

it("goes on after it was saved", async () => {
  await bareHosts("--hosts", "1");
  await atConsole(host("h1"), "echo before >/root/kept");
  write("cluster.yaml", `${read("cluster.yaml")}# before\n`);
  saved = { host: await facts(), file: read("cluster.yaml") };
  await lab("save", name);
  expect(await facts()).toBe(saved.host);
});

it("is not loaded over a lab that is up", async () => {
  expectFailure(await tryLab("load", name), /a lab is up: run scripts\/lab down first/);
});

it("is loaded as it was when it was saved", async () => {
  await atConsole(host("h1"), "echo after >/root/kept");
  write("cluster.yaml", "after\n");
  await lab("down");
  await lab("load", name);
  expect(await facts()).toBe(saved.host);
  expect(read("cluster.yaml")).toBe(saved.file);
});

it("is refused when it was made from other sources, unless that is wanted", async () => {
  write("sources", "0123456789abcdef\n");
  await lab("save", name);
  await lab("down");
  expectFailure(await tryLab("load", name), /was made from other sources than there are now/);
  await lab("load", name, "--any");
  expect(await facts()).toBe(saved.host);
});
