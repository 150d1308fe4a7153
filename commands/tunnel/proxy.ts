/** An HTTP proxy for one command: what it asks the hosts goes by way of the bastion, everything else as without it. */
import { randomBytes } from "node:crypto";
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect as connectDirectly } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import type { Connect } from "../../ssh/tunnel.js";

export interface Proxy {
  /** For `HTTP_PROXY`. It holds a password: on this machine others have loopback too, and the Docker API has none. */
  readonly url: string;
  close(): void;
}

/** @param hosts addresses that are reached by way of the bastion */
export function startProxy(connect: Connect, hosts: ReadonlySet<string>): Promise<Proxy> {
  const password = randomBytes(16).toString("hex");
  const authorization = `Basic ${Buffer.from(`tunnel:${password}`).toString("base64")}`;
  const server = createServer((request, response) => {
    if (request.headers["proxy-authorization"] === authorization) {
      forward(connect, hosts, request, response);
    } else {
      response.writeHead(407, { "proxy-authenticate": "Basic" }).end();
    }
  });
  // What speaks TLS with a host asks for a connection, and is not looked into.
  server.on("connect", ({ url = "", headers }: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (headers["proxy-authorization"] !== authorization) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n");
      return;
    }
    const { hostname, port } = new URL(`tls://${url}`);
    const onward = hosts.has(hostname)
      ? connect(hostname, Number(port))
      : connectDirectly({ host: hostname, port: Number(port || 443) });
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    onward.write(head);
    // Either of them ends the other. Why, the one that asked says in its own words.
    pipeline(socket, onward, () => undefined);
    pipeline(onward, socket, () => undefined);
  });
  // An image that is sent may take its time.
  server.requestTimeout = 0;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({
        url: `http://tunnel:${password}@127.0.0.1:${port}`,
        close: () => server.close().closeAllConnections(),
      });
    });
  });
}

function forward(
  connect: Connect,
  hosts: ReadonlySet<string>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { method, url = "", headers } = request;
  const { "proxy-authorization": _, "proxy-connection": __, ...passedOn } = headers;
  const target = new URL(url);
  const port = Number(target.port || 80);
  const way = hosts.has(target.hostname) ? { createConnection: () => connect(target.hostname, port) } : {};
  const onward = ask(target, { method, headers: passedOn, ...way }, (answer) => {
    // Docker's client would use a connection again just when this side closes it for being idle.
    response.writeHead(answer.statusCode ?? 502, { ...answer.headers, connection: "close" });
    answer.pipe(response);
  });
  onward.on("error", ({ message }) => {
    if (response.headersSent) {
      response.destroy();
    } else {
      // In the form of the Docker API's own errors, so that its clients show it.
      const text = `scripts/tunnel gets no answer from ${target.hostname} port ${port}: ${message}`;
      response.writeHead(502, { "content-type": "application/json", connection: "close" });
      response.end(JSON.stringify({ message: text }));
    }
  });
  response.once("close", () => onward.destroy());
  request.pipe(onward);
}
