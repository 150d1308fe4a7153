import { describe, expect, it } from "vitest";
import { exactRangesOf, neverOnLan, normalized, overlap } from "../../cluster/ipv4.js";

describe("ranges", () => {
  it("overlap", () => {
    expect(overlap("10.32.0.0/12", "10.40.0.0/16")).toBe(true);
    expect(overlap("10.40.0.0/16", "10.32.0.0/12")).toBe(true);
    expect(overlap("10.48.0.0/16", "10.32.0.0/12")).toBe(false);
    expect(overlap("0.0.0.0/0", "10.32.0.0/12")).toBe(true);
    expect(overlap("fe80::/10", "10.32.0.0/12")).toBe(false);
  });

  it("that a firewall is opened to hold the addresses that are meant, and no other", () => {
    expect(exactRangesOf(["198.18.0.11"])).toEqual(["198.18.0.11"]);
    expect(exactRangesOf(["198.18.0.13", "198.18.0.11", "198.18.0.12"])).toEqual(["198.18.0.11", "198.18.0.12/31"]);
    expect(exactRangesOf(["10.1.2.3", "10.200.0.4"])).toEqual(["10.1.2.3", "10.200.0.4"]);
    const racks = Array.from({ length: 512 }, (_, i) => `10.0.${2 + (i >> 8)}.${i & 255}`);
    expect(exactRangesOf([...racks, "10.9.0.1"])).toEqual(["10.0.2.0/23", "10.9.0.1"]);
    expect(exactRangesOf(["10.0.0.1", "10.0.0.1"])).toEqual(["10.0.0.1"]);
  });

  it("are written from their first address on", () => {
    expect(normalized("10.33.4.5/12")).toBe("10.32.0.0/12");
    expect(normalized("fe80::/10")).toBeUndefined();
  });

  it("that no LAN has", () => {
    for (const address of ["0.1.2.3", "127.0.0.1", "224.2.2.3", "239.1.1.1", "255.255.255.255"]) {
      expect(neverOnLan(address), address).toBe(true);
    }
    for (const address of ["1.0.0.1", "126.255.0.1", "128.0.0.1", "223.255.255.1"]) {
      expect(neverOnLan(address), address).toBe(false);
    }
  });
});
