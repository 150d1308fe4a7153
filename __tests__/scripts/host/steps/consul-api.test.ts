/** How steps ask Consul's agents, where nothing but Perl is installed. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { ports } from "../../../../cluster/ports.js";

/** An agent that answers each path with a status and a text. */
async function agent(address: string, answers: Readonly<Record<string, readonly [number, string]>>): Promise<void> {
  const server = createServer(({ url = "" }, response) => {
    const [status, text] = answers[url] ?? [404, ""];
    response.writeHead(status).end(text);
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(ports.consulHttp.number, address, resolve));
}

/** The status and output of a line of shell, with what steps have. */
const step = (line: string) =>
  new Promise<string>((resolve) => {
    const script = `set -eu; cd scripts/host/steps; . ./names.sh; . ./http.sh; . ./consul.sh; ${line}`;
    execFile("sh", ["-c", script], (error, stdout) => resolve(`${error?.code ?? 0} ${stdout}`));
  });

const address = "127.77.85.1";
const servers = "/v1/operator/raft/configuration?pretty";

it("says what an agent says", async () => {
  const answer = {
    Servers: [
      { ID: "i", Node: "a", Address: "10.0.1.1:8300", Leader: false, ProtocolVersion: "3", Voter: true },
      { ID: "j", Node: "b", Address: "10.0.1.2:8300", Leader: true, ProtocolVersion: "3", Voter: false },
    ],
    Index: 0,
  };
  // Longer than one packet.
  await agent(address, {
    [servers]: [200, JSON.stringify(answer, null, 4)],
    "/long": [200, "x".repeat(500_000)],
  });
  expect(await step(`consul_servers ${address}`)).toBe(
    "0 a 10.0.1.1:8300 follower voter\nb 10.0.1.2:8300 leader none\n",
  );
  expect(await step(`consul_get ${address} /long | wc -c`)).toBe("0 500000\n");
});

it("fails where there is no answer, or no leader that could give one", async () => {
  expect(await step(`consul_servers ${address}`)).toBe("1 ");
  await agent(address, { [servers]: [500, "No cluster leader"] });
  expect(await step(`consul_servers ${address}`)).toBe("1 ");
});
