/** Connections to the hosts' own ports by way of the bastion, all of them through one login there. */
import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { explainInOneLine, lastLine } from "./explain.js";
import { bastionAlias, type SshTargets, withSshConfig } from "./ssh.js";

/** A connection from the bastion to a port. Destroyed with ssh's reason when there is none. */
export type Connect = (address: string, port: number) => Duplex;

/** Logs in to the bastion and calls `body` with a way on from there, and with a folder of this user's alone. */
export function withTunnel<T>(targets: SshTargets, body: (connect: Connect, folder: string) => Promise<T>): Promise<T> {
  return withSshConfig(targets, async (config, folder) => {
    const own = ["-F", config, "-S", join(folder, "mux")];
    const login = await logIn(targets, own);
    try {
      // Should the login be lost, ssh makes another one for each connection.
      const connect: Connect = (address, port) =>
        streamOf(spawn("ssh", [...own, "-W", `${address}:${port}`, bastionAlias], apart));
      return await body(connect, folder);
    } finally {
      login.kill();
    }
  });
}

/** In a process group of their own: Ctrl-C is for the command that needs the connections to end in order. */
const apart = { stdio: "pipe", detached: true } as const;

/** Ends when the bastion has let us in. */
function logIn(targets: SshTargets, own: readonly string[]): Promise<ChildProcess> {
  // ssh runs a local command when it has logged in and accepts connections to share the login.
  const whenReady = ["-o", "PermitLocalCommand=yes", "-o", "LocalCommand=echo ready"];
  const login = spawn("ssh", [...own, "-M", "-N", ...whenReady, bastionAlias], apart);
  return new Promise((resolve, reject) => {
    let stderr = "";
    login.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    login.stdout.once("data", () => resolve(login));
    login.once("error", ({ code, message }: NodeJS.ErrnoException) =>
      reject(new Error(code === "ENOENT" ? "this machine has no ssh: apt-get install openssh-client" : message)),
    );
    login.once("close", (status) =>
      reject(new Error(explainInOneLine(targets, "bastion", { status: status ?? 255, stdout: "", stderr }))),
    );
  });
}

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
