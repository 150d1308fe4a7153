/** Bounds every question to a host, so that verify ends in time whatever is broken. */
import type { RunAsRoot } from "../../ssh/contact.js";
import type { SshResult } from "../../ssh/ssh.js";

/** The most that verify takes for everything but the event bus. */
export const limitSeconds = 60;

/**
 * The most that each question may take. `scripts/host/probes/verify.sh` gives its commands less, so that it can still say
 * which of them did not answer.
 */
const questions: Readonly<Record<string, number>> = {
  observe: 30,
  start: 20,
  where: 6,
  address: 6,
  probe: 20,
  send: 10,
  heard: 6,
  remove: 8,
};
const removeSeconds = 8;

const late: SshResult = { status: 124, stdout: "", stderr: "" };

/** Asks as `run` does, until `limit` seconds from now are over; the last of them are for removing the containers. */
export function bounded(run: RunAsRoot, limit = limitSeconds): RunAsRoot {
  const scale = limit / limitSeconds;
  const end = performance.now() + 1000 * scale * (limitSeconds - removeSeconds);
  return async (host, script, args = []) => {
    const [question = ""] = args;
    const own = scale * (questions[question] ?? removeSeconds);
    const left = question === "remove" ? own : Math.min(own, (end - performance.now()) / 1000);
    if (left <= 0) {
      return late;
    }
    let timer: NodeJS.Timeout | undefined;
    // ssh ends by itself at that time; but what it leaves behind may keep its pipes open.
    const over = new Promise<SshResult>((resolve) => {
      timer = setTimeout(resolve, 1000 * left + 300 * scale, late);
    });
    try {
      return await Promise.race([run(host, script, args, left), over]);
    } finally {
      clearTimeout(timer);
    }
  };
}
