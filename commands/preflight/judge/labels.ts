/** How findings name several hosts. */
import type { Inventory } from "../../../cluster/inventory.js";
import { label } from "../../../cluster/model.js";

/** `h1 (198.18.0.11), h2 (198.18.0.12), h3 (198.18.0.13) and 4 more`. */
export function labels({ hosts }: Inventory, names: readonly string[]): string {
  const named = hosts.filter(({ name }) => names.includes(name));
  const shown = named.slice(0, 3).map(label).join(", ");
  return named.length > 3 ? `${shown} and ${named.length - 3} more` : shown;
}
