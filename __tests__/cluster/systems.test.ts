import { expect, it } from "vitest";
import {
  architectureOf,
  isSupportedArchitecture,
  isSupportedSystem,
  supportedArchitectures,
  supportedSystems,
} from "../../cluster/systems.js";

it("supports the releases of the table, and no others", () => {
  for (const os of ["debian 11", "debian 13", "ubuntu 20.04", "ubuntu 24.04"]) {
    expect(isSupportedSystem(os), os).toBe(true);
  }
  for (const os of ["debian 10", "debian unknown", "debian", "ubuntu 23.10", "linuxmint 12", "unknown unknown", ""]) {
    expect(isSupportedSystem(os), os).toBe(false);
  }
});

it("knows an architecture by dpkg's name and by the kernel's", () => {
  expect(architectureOf("x86_64")).toBe("amd64");
  expect(architectureOf("i386")).toBe("i386");
  expect(["amd64", "aarch64", "arm64"].every(isSupportedArchitecture)).toBe(true);
  expect(["armhf", "i686", ""].some(isSupportedArchitecture)).toBe(false);
});

it("says what is supported", () => {
  expect(supportedSystems()).toMatch(/^Debian 11, 12 or 13, or Ubuntu 20\.04, 22\.04 or 24\.04/);
  expect(supportedArchitectures()).toBe("amd64 or arm64");
});
