/** A program on a host that answers requests line by line, as long as the connection lasts. */
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import type { Host } from "../cluster/model.js";
import { shellWord } from "../cluster/shell.js";
import type { Open } from "./ssh.js";

export interface Reply {
  /** What was said before the line `ok`. */
  readonly lines: readonly string[];
  /** Seconds since the epoch by this machine's clock, when the request left and when the reply was complete. */
  readonly asked: number;
  readonly answered: number;
}

export interface Session {
  /** The reply to a request; nothing when the program has ended or the time is up. */
  ask(request: string, seconds: number): Promise<Reply | undefined>;
  /** Ends the program; what it said on standard error. */
  end(): string;
}

/** Starts a Perl program as root. The first reply says that it is ready: `ask("", …)`. */
export function perlSession(open: Open, host: Host, program: string, args: readonly string[]): Session {
  // Perl reads its program up to __END__ and leaves the rest of the input to it. That rest must not be sent before the
  // program is there to read it.
  // In English, whatever the host speaks: what it says is read.
  const command = `export LC_ALL=C; if [ "$(id -u)" = 0 ]; then exec perl - "$@"; else exec sudo -n perl - "$@"; fi`;
  const opening = open(host, ["sh -c", shellWord(command), "sh", ...args.map(shellWord)].join(" "));
  return session(opening, `${program}\n__END__\n`);
}

function session(opening: Promise<ChildProcessWithoutNullStreams>, firstInput: string): Session {
  let [unread, errors, ended] = ["", "", false];
  let wake = () => {};
  const change = (also: () => void) => {
    also();
    wake();
  };
  const end = (why = "") =>
    change(() => {
      errors += why;
      ended = true;
    });
  let child: ChildProcessWithoutNullStreams | undefined;
  const opened = opening.then(
    (started) => {
      child = started;
      child.stdout.setEncoding("utf8").on("data", (text: string) =>
        change(() => {
          unread += text;
        }),
      );
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        errors += text;
      });
      child.on("error", ({ message }) => end(message));
      child.on("close", () => end());
      child.stdin.on("error", () => {}).write(firstInput);
    },
    ({ message }: Error) => end(message),
  );

  return {
    async ask(request, seconds) {
      const asked = Date.now() / 1000;
      if (request !== "" && !ended) {
        child?.stdin.write(`${request}\n`);
      }
      let late = false;
      const timer = setTimeout(
        () =>
          change(() => {
            late = true;
          }),
        seconds * 1000,
      );
      try {
        for (;;) {
          const found = /^ok\r?\n/m.exec(unread);
          if (found) {
            const lines = unread.slice(0, found.index).split(/\r?\n/).slice(0, -1);
            unread = unread.slice(found.index + found[0].length);
            return { lines, asked, answered: Date.now() / 1000 };
          }
          if (ended || late) {
            return undefined;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(timer);
      }
    },
    end() {
      void opened.then(() => child?.stdin.end());
      // The program ends with its input; ssh itself may be waiting for a network that is gone.
      setTimeout(() => child?.kill("SIGKILL"), 2000).unref();
      return errors;
    },
  };
}
