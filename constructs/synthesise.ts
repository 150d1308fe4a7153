/** From a cluster to the folder of its stack. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { App } from "cdktf";
import type { Cluster } from "../cluster/model.js";
import { ClusterStack } from "./cluster-stack.js";

/** @param outdir where cdktf writes; its own default where none is given. */
export function synthesise(cluster: Cluster, outdir?: string): void {
  withoutValueTraces(() => {
    // Stack traces would put this machine's paths into the output.
    const app = new App({ stackTraces: false, ...(outdir === undefined ? {} : { outdir }) });
    new ClusterStack(app, cluster);
    // Their folders are called after what is in them, so those of an earlier synthesis would stay beside the new ones.
    rmSync(join(app.outdir, "stacks", cluster.name, "assets"), { recursive: true, force: true });
    app.synth();
  });
}

/**
 * cdktf keeps a stack trace of every value that a resource may have, to say of one that cannot be resolved where it came
 * from: hundreds for each host. Errors have traces of their own, and keep them.
 */
function withoutValueTraces(run: () => void): void {
  const { captureStackTrace } = Error;
  Error.captureStackTrace = () => undefined;
  try {
    run();
  } finally {
    Error.captureStackTrace = captureStackTrace;
  }
}
