/** Connections to the hosts' own ports by way of the bastion, all of them through one login there. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { bastionAlias, type SshTargets } from "./config.js";
import { explainInOneLine, lastLine } from "./explain.js";
import { withLogins } from "./logins.js";

/** A connection from the bastion to a port. Destroyed with ssh's reason when there is none. */
export type Connect = (address: string, port: number) => Duplex;

/** Logs in to the bastion and calls `body` with a way on from there, and with a folder of this user's alone. */
export function withTunnel<T>(targets: SshTargets, body: (connect: Connect, folder: string) => Promise<T>): Promise<T> {
  return withLogins(targets, async (logIn, config, folder) => {
    const failed = await logIn("bastion");
    if (failed) {
      throw new Error(explainInOneLine(targets, "bastion", failed));
    }
    // Should the login be lost, ssh makes another one for each connection.
    const connect: Connect = (address, port) =>
      streamOf(spawn("ssh", ["-F", config, "-W", `${address}:${port}`, bastionAlias], apart));
    return body(connect, folder);
  });
}

/** In a process group of their own: Ctrl-C is for the command that needs the connections to end in order. */
const apart = { stdio: "pipe", detached: true } as const;

/** What comes and goes through ssh, with what ssh says when nothing does. */
function streamOf(child: ChildProcessWithoutNullStreams): Duplex {
  const { stdin, stdout, stderr } = child;
  let said = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const stream = new Duplex({
    read: () => void stdout.resume(),
    write: (chunk, encoding, done) => void stdin.write(chunk, encoding, () => done()),
    final: (done) => void stdin.end(done),
    destroy: (error, done) => {
      child.kill("SIGKILL");
      done(error);
    },
  });
  stdin.on("error", () => {}); // It is told when ssh ends.
  stdout.on("data", (chunk) => void (stream.push(chunk) || stdout.pause()));
  child.once("error", ({ message }) => {
    said += message;
  });
  child.once("close", (status) =>
    status === 0
      ? void stream.push(null)
      : void stream.destroy(new Error(lastLine(said) || `ssh ended with ${status}`)),
  );
  return stream;
}
