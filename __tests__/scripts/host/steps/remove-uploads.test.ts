/** What a deploy has sent to a host is gone when its connection is. */
import { spawn } from "node:child_process";
import { cpSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { removeUploads } from "../../../../constructs/uploads.js";
import { temporaryFolder } from "../../../fixtures/clusters.js";

const untilSo = (see: () => void) => vi.waitFor(see, { timeout: 10_000, interval: 20 });

/** The process whose end is waited for, to remove the uploads in this folder. */
function waitedFor(home: string): number | undefined {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      if (words.includes(".multicast-swarm") && readlinkSync(`/proc/${pid}/cwd`) === home) {
        return Number(words.at(-3));
      }
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined;
}

// Terraform empties its script, by the same connection, when that has ended.
it.each([
  ["a login shell that becomes the script", "exec sh ./.multicast-swarm-1"],
  ["a login shell that stays", "sh ./.multicast-swarm-1; echo ended"],
])("%s: nothing is left of the uploads, not even what is emptied after the script's end", async (_title, shell) => {
  const home = temporaryFolder();
  const script = join(home, ".multicast-swarm-1");
  cpSync("scripts/host/steps", join(home, ".multicast-swarm/scripts"), { recursive: true });
  writeFileSync(script, `#!/bin/sh\n${removeUploads}\n`);
  const connection = spawn("sh", ["-c", `setsid --wait sh -c '${shell}'; echo served; read hang_up`], { cwd: home });
  let said = "";
  connection.stdout.on("data", (data) => {
    said += data;
  });
  await untilSo(() => expect(said).toContain("served"));
  // The one who waits is started as the script ends, not before.
  await untilSo(() => expect(waitedFor(home)).toBe(connection.pid));

  writeFileSync(script, "");
  connection.stdin.end();

  await untilSo(() => expect(readdirSync(home)).toEqual([]));
});
