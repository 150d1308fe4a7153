/** Arithmetic of IPv4 addresses and ranges such as 10.32.0.0/12. */
import { isIPv4 } from "node:net";

interface Range {
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}

/** The range of this prefix that the address is in. */
function rangeAround(address: number, prefix: number): Range {
  const size = 2 ** (32 - prefix);
  const first = Math.floor(address / size) * size;
  return { first, last: first + size - 1, prefix };
}

function parse(text: string): Range | undefined {
  const [address = "", prefix = "32"] = text.split("/");
  return isIPv4(address) ? rangeAround(toNumber(address), Number(prefix)) : undefined;
}

const show = ({ first, prefix }: Range) => `${toAddress(first)}/${prefix}`;

/** Do two ranges have an address in common? */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [parse(one), parse(other)];
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;
}

export function within(address: string, range: string): boolean {
  return overlap(`${address}/32`, range);
}

/** The range as it should be written, from its first address on: 10.32.0.0/12 for 10.33.4.5/12. */
export function normalized(range: string): string | undefined {
  const parsed = parse(range);
  return parsed && show(parsed);
}

/** Loopback, multicast and reserved addresses: no interface on a LAN has one. */
export function neverOnLan(address: string): boolean {
  return ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3"].some((range) => within(address, range));
}

function smallestRange(numbers: readonly number[]): Range {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  let range = rangeAround(low, 32);
  while (range.last < high) {
    range = rangeAround(low, range.prefix - 1);
  }
  return range;
}

/** The fewest ranges and single addresses that hold all these addresses and no other. */
export function exactRangesOf(addresses: readonly string[]): string[] {
  const split = (numbers: readonly number[]): string[] => {
    if (numbers.length < 2) {
      return numbers.map(toAddress);
    }
    const range = smallestRange(numbers);
    const size = range.last - range.first + 1;
    if (size === numbers.length) {
      return [show(range)];
    }
    const middle = range.first + size / 2;
    return [
      ...split(numbers.filter((number) => number < middle)),
      ...split(numbers.filter((number) => number >= middle)),
    ];
  };
  return split([...new Set(addresses)].map(toNumber));
}
