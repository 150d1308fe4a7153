/** Certificates beside the cluster file: which fit, and what is said of those that do not. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ClusterFileError, loadCluster } from "../../cluster/load.js";
import { authorityFault, hostFault, hostNames, operatorFault } from "../../cluster/pki.js";
import { newKey } from "../../commands/pki/openssl.js";
import { authorityFor, certify } from "../fixtures/authority.js";
import { files, load, three } from "../fixtures/files.js";

const ours = authorityFor("ours");
const others = authorityFor("ours");
const a = { name: "a", address: "10.0.0.1" };
const named = ({ name, address }: typeof a) => ({ addresses: [address, "127.0.0.1"], names: [name, "localhost"] });

describe("a host's certificate", () => {
  const fault = (text: string, host = a) => hostFault(text, ours.certificate, named(host));
  it("fits the host that it names", () => expect(fault(ours.sign("a", "10.0.0.1"))).toBeUndefined());
  it.each([
    ["of another authority, of the same name", others.sign("a", "10.0.0.1"), "that pki/ca.pem has not signed"],
    ["of another host", ours.sign("b", "10.0.0.2"), "that does not name 10.0.0.1, a"],
    ["of a client's", ours.sign("a"), "that does not name 10.0.0.1, 127.0.0.1, a, localhost"],
    ["that is none", newKey(), "no certificate"],
    ["that is cut off", ours.sign("a", "10.0.0.1").replace(/[A-Za-z]{9}\n/, "\n"), "no certificate that can be read"],
  ])("%s is refused", (_, text, words) => expect(fault(text)).toContain(words));
  it("is not trusted for an authority that it brings along", () =>
    expect(fault(`${others.sign("a", "10.0.0.1")}${others.certificate}`)).toContain("has not signed"));
});

describe("with security.consulTls, a host's certificate", () => {
  const servers = "server.dc1.consul";
  const sign = (...also: string[]) => ours.sign("a", "10.0.0.1", { also });
  const fault = (text: string, consul: "server" | "client", consulTls = true) => {
    const { cluster } = load(three(`security: { consulTls: ${consulTls} }\nconsul: { datacenter: dc1 }\n`), undefined, {
      lock: "ignore",
      hostKeys: "ignore",
      certificates: "ignore",
    });
    const settings = cluster?.settings ?? expect.fail("the cluster file has mistakes");
    return hostFault(text, ours.certificate, hostNames({ ...a, consul }, settings));
  };

  it("names a server as one, and a client as none", () => {
    expect(fault(sign(servers), "server")).toBeUndefined();
    expect(fault(sign(), "client")).toBeUndefined();
    expect(fault(sign(), "server")).toBe(`a certificate that does not name ${servers}`);
    expect(fault(sign("server.other.consul"), "server")).toBe(`a certificate that does not name ${servers}`);
    expect(fault(sign(servers), "client")).toContain(`that names ${servers}, as Consul's servers alone are called`);
    expect(fault(sign("*.dc1.consul"), "client")).toContain(`that names ${servers}`);
  });
  it("is the same to the Docker API", () => {
    expect(fault(sign(servers), "client", false)).toBeUndefined();
    expect(fault(sign(), "server", false)).toBeUndefined();
  });
});

it("an operator's is for clients", () => {
  expect(operatorFault(ours.sign("operator"), ours.certificate)).toBeUndefined();
  expect(operatorFault(others.sign("operator"), ours.certificate)).toContain("has not signed");
});

it("a certificate of a host is none of an authority", () => {
  expect(authorityFault(ours.certificate + others.certificate)).toBeUndefined();
  expect(authorityFault(ours.sign("a", "10.0.0.1"))).toBe("no certificate of an authority");
});

describe("the cluster file with security.dockerTls", () => {
  const cluster = three("security: { dockerTls: true }\n");
  const keys = [1, 2, 3].map((number) => `10.0.0.${number} ssh-rsa AAAA\n`).join("");
  const hosts = [a, { name: "b", address: "10.0.0.2" }, { name: "c", address: "10.0.0.3" }];
  const problems = (folder: string): readonly string[] => {
    try {
      loadCluster(join(folder, "cluster.yaml"), { lock: "ignore", warn: () => {} });
      return [];
    } catch (error) {
      return (error as ClusterFileError).problems.map((line) => line.replaceAll(`${folder}/`, ""));
    }
  };

  it("is refused without certificates, with the command that makes them", () => {
    const folder = files({ "cluster.yaml": cluster, known_hosts: keys });
    expect(problems(folder)).toEqual([
      "pki/ca.pem:1:1: (file): found no such file, expected the certificate of the authority that hosts trust: run scripts/pki",
    ]);
  });

  it("names every host whose certificate does not fit", () => {
    const folder = files({ "cluster.yaml": cluster, known_hosts: keys });
    certify(folder, ours, hosts);
    expect(problems(folder)).toEqual([]);
    rmSync(join(folder, "pki/hosts/b.pem"));
    mkdirSync(join(folder, "pki/hosts"), { recursive: true });
    writeFileSync(join(folder, "pki/hosts/c.pem"), others.sign("c", "10.0.0.3"));
    expect(problems(folder)).toEqual([
      "pki/hosts/b.pem:1:1: (file): found no such file, expected a certificate of b, for 10.0.0.2: run scripts/pki",
      "pki/hosts/c.pem:1:1: (file): found a certificate that pki/ca.pem has not signed, expected a certificate of c, for 10.0.0.3: run scripts/pki",
    ]);
  });
});
