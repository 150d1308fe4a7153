/**
 * Records what a cluster's hosts say to `scripts/verify`, for tests without hosts:
 *
 *   CLUSTER_FILE=… node --import tsx __tests__/recordings/record.ts NAME
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { verify } from "../../checks/verify/verify.js";
import { inventoryFrom } from "../../hosts/command.js";
import { withHosts } from "../../hosts/contact.js";

async function record(name: string): Promise<void> {
  const inventory = inventoryFrom(process.env.CLUSTER_FILE ?? "cluster.yaml");
  const script = readFileSync(join(__dirname, "../../scripts/host/verify.sh"), "utf8");
  const said: { host: string; args: readonly string[]; status: number; stdout: string; stderr: string }[] = [];
  await withHosts(inventory, (run) =>
    verify(inventory, {
      script,
      say: console.error,
      run: async (host, text, args = []) => {
        const result = await run(host, text, args);
        // Weave's reports are long for their white space alone.
        const stdout = result.stdout.replace(/^\{$[\s\S]*?^\}$/gm, (json) => JSON.stringify(JSON.parse(json)));
        said.push({ host: host.name, args, ...result, stdout });
        return result;
      },
    }),
  );
  writeFileSync(join(__dirname, `${name}.json`), `${JSON.stringify(said, undefined, 1)}\n`);
}

void record(process.argv[2] ?? "healthy");
