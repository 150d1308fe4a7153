/**
 * The systems that hosts may run. Preflight judges hosts by this table, and the documents quote it. Hosts install packages
 * with apt, so a row is all that another descendant of Debian takes; any other system takes more.
 */

export interface Distribution {
  /** `ID` of /etc/os-release. */
  readonly id: string;
  readonly name: string;
  /** `VERSION_ID` of /etc/os-release. */
  readonly versions: readonly string[];
  /** The package of the distribution's own kernel, with every module. */
  readonly kernelPackage: (architecture: string) => string;
  /** Where some modules are in a package of their own. */
  readonly modulesPackage?: (kernelRelease: string) => string;
}

export const distributions: readonly Distribution[] = [
  {
    id: "debian",
    name: "Debian",
    versions: ["11", "12", "13"],
    kernelPackage: (architecture) => `linux-image-${architecture}`,
  },
  {
    id: "ubuntu",
    name: "Ubuntu",
    versions: ["20.04", "22.04", "24.04"],
    kernelPackage: () => "linux-generic",
    modulesPackage: (release) => `linux-modules-extra-${release}`,
  },
];

/** As dpkg calls them, and as the kernel does. */
const architectures = [
  { name: "amd64", kernel: "x86_64" },
  { name: "arm64", kernel: "aarch64" },
] as const;

/** `debian 12`, as hosts report it. */
export function distributionOf(os: string): Distribution | undefined {
  const [id] = os.split(" ");
  return distributions.find((distribution) => distribution.id === id);
}

export function isSupportedSystem(os: string): boolean {
  const [, version = ""] = os.split(" ");
  return distributionOf(os)?.versions.includes(version) ?? false;
}

/** dpkg's name of an architecture; one that is not supported keeps the name it came with. */
export function architectureOf(reported: string): string {
  return architectures.find(({ kernel }) => kernel === reported)?.name ?? reported;
}

export function isSupportedArchitecture(reported: string): boolean {
  return architectures.some(({ name }) => name === architectureOf(reported));
}

/** `Debian 11, 12 or 13, or Ubuntu 20.04, 22.04 or 24.04`. */
export const supportedSystems = (): string =>
  distributions.map(({ name, versions }) => `${name} ${either(versions)}`).join(", or ");

/** `amd64 or arm64`. */
export const supportedArchitectures = (): string => either(architectures.map(({ name }) => name));

/** `a, b or c`. */
function either(choices: readonly string[]): string {
  const last = choices.at(-1) ?? "";
  return choices.length < 2 ? last : `${choices.slice(0, -1).join(", ")} or ${last}`;
}
