/** Arithmetic of IPv4 ranges such as 10.32.0.0/12. */
import { isIPv4 } from "node:net";

interface Range {
  readonly first: number;
  readonly last: number;
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

function toRange(text: string): Range | undefined {
  const [address = "", prefix = "32"] = text.split("/");
  if (!isIPv4(address)) return undefined;
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(toNumber(address) / size) * size;
  return { first, last: first + size - 1 };
}

/** Do two ranges have an address in common? */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [toRange(one), toRange(other)];
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;
}

export function within(address: string, range: string): boolean {
  return overlap(`${address}/32`, range);
}

/** The smallest range with all these addresses. */
export function rangeOf(addresses: readonly string[]): string {
  const numbers = addresses.map(toNumber);
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  let prefix = 32;
  while (Math.floor(low / 2 ** (32 - prefix)) !== Math.floor(high / 2 ** (32 - prefix))) prefix--;
  const first = Math.floor(low / 2 ** (32 - prefix)) * 2 ** (32 - prefix);
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
  return `${bytes.join(".")}/${prefix}`;
}
