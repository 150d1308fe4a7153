/** Pieces of markup that all parts of the page use. */
import type { VerifyJson } from "./json.js";

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** Raw text, escaped for markup. */
export const text = (raw: string | number) => String(raw).replace(/[&<>"']/g, (one) => escapes[one] ?? one);

export const mark = (status: VerifyJson["status"]) => ({ healthy: "✓", unhealthy: "✗", unknown: "?" })[status];
