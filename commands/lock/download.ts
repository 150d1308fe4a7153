/** HTTP and hashes, for `scripts/lock`. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";

export type Say = (line: string) => void;

export interface Hashed {
  readonly sha256: string;
  readonly bytes: number;
}

export interface Http {
  /** GET; any status but 2xx and the given ones is an error that names the URL. */
  request(url: string, headers?: Record<string, string>, also?: readonly number[]): Promise<Response>;
  /** Reads an answer to its end. `what` names it in messages. */
  hashBody(response: Response, what: string, say: Say): Promise<Hashed>;
}

/** @param patienceSeconds how long a server may be silent; fetch alone would wait five minutes. */
export function http(patienceSeconds: number): Http {
  const milliseconds = 1000 * patienceSeconds;
  const silent = () => new Error(`silent for ${patienceSeconds} s`);
  return {
    async request(url, headers = {}, also = []) {
      let response: Response;
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(silent()), milliseconds);
      try {
        response = await fetch(url, { headers, signal: abort.signal });
      } catch (error) {
        throw new Error(`${url}: ${reason(error)}`);
      } finally {
        clearTimeout(timer);
      }
      if (!response.ok && !also.includes(response.status)) {
        throw new Error(`${url}: HTTP status ${response.status} ${response.statusText}`.trimEnd());
      }
      return response;
    },

    async hashBody(response, what, say) {
      if (response.body === null) {
        throw new Error(`${what}: empty answer`);
      }
      const total = Number(response.headers.get("content-length") ?? 0);
      let shown = Date.now();
      const stream = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
      const timer = setTimeout(() => stream.destroy(silent()), milliseconds);
      try {
        return await hashStream(stream, (bytes) => {
          timer.refresh();
          if (Date.now() - shown < 2000) {
            return;
          }
          shown = Date.now();
          const share = total > 0 ? ` of ${showBytes(total)} (${Math.floor((100 * bytes) / total)} %)` : "";
          say(`reading  ${what}: ${showBytes(bytes)}${share}`);
        });
      } catch (error) {
        throw new Error(`${what}: broke off: ${reason(error)}`);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** fetch says "fetch failed" and hides why in the cause. */
function reason(error: unknown): string {
  const { message, cause } = error as Error & { cause?: Error & { code?: string } };
  if (cause === undefined) {
    return message;
  }
  const strange = /^(UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|SELF_SIGNED_CERT_IN_CHAIN)$/;
  const fix = strange.test(cause.code ?? "") ? "; NODE_EXTRA_CA_CERTS names a file with the authority to trust" : "";
  return `${cause.code ?? ""} ${cause.message}`.trim() + fix;
}

export function hashFile(path: string): Promise<Hashed> {
  return hashStream(createReadStream(path));
}

async function hashStream(stream: Readable, progress: (bytes: number) => void = () => {}): Promise<Hashed> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
    progress(bytes);
  }
  return { sha256: hash.digest("hex"), bytes };
}

export function showBytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
