/** Looks at the command lines of all processes, of this machine and of the hosts on it, over and over. */
import { readdirSync } from "node:fs";
import { ofProcess } from "./lab.js";

export interface Watch {
  /** Those of the words that a command line has shown so far. */
  readonly seen: ReadonlySet<string>;
  readonly end: () => ReadonlySet<string>;
}

export function watchProcesses(words: readonly string[]): Watch {
  const seen = new Set<string>();
  const look = () => {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid)) {
        continue;
      }
      const line = ofProcess(pid, "cmdline");
      for (const word of words) {
        if (line.includes(word)) {
          seen.add(word);
        }
      }
    }
  };
  const timer = setInterval(look, 10);
  return {
    seen,
    end: () => {
      clearInterval(timer);
      return seen;
    },
  };
}
