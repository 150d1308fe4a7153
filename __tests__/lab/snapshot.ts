/** What a host has: taken before and after, to see what a deploy has left. */
import { atConsole, type Host, hosts, iptablesOf } from "./lab.js";

/** What changes without a deploy, or tells no more than something else that is looked at. */
const left: readonly { readonly path: string; readonly because: string }[] = [
  { path: "/proc", because: "the kernel's" },
  { path: "/sys", because: "the kernel's" },
  { path: "/dev", because: "terminals come and go with logins" },
  { path: "/run", because: "gone with a reboot; written by every login" },
  { path: "/tmp", because: "gone with a reboot" },
  { path: "/var/tmp", because: "a folder for each service that runs" },
  { path: "/var/log", because: "a deploy is something to write down" },
  { path: "/var/cache", because: "what may be deleted at any time" },
  { path: "/var/lib/apt/lists", because: "apt's copies of the repository's lists, which scripts/lock asks for" },
  { path: "/var/lib/systemd", because: "when timers last ran, and the random seed" },
];
const leftFiles: readonly { readonly name: string; readonly because: string }[] = [
  { name: "/etc/*-", because: "the previous version of passwd, group, shadow and gshadow, kept by their tools" },
  { name: "/var/lib/dpkg/*-old", because: "the previous version, kept by dpkg" },
];
/** Compared by the engine's own words instead, on hosts that come with an engine. */
const engineData = ["/var/lib/docker", "/var/lib/containerd"];

const script = `
engine=no
! command -v dockerd >/dev/null || engine=yes
found() { find / \\( ${left.map(({ path }) => `-path ${path}`).join(" -o ")} $(
  [ $engine = no ] || echo "${engineData.map((path) => `-o -path ${path}`).join(" ")}"
) \\) -prune -o ${leftFiles.map(({ name }) => `! -path '${name}'`).join(" ")} "$@"; }
titled() { sed "s|^|$1 |"; }
# Of the engine's folder, which is a mount in the lab and so cannot be removed, dockerd changes the mode.
found -printf '%y %m %u:%g %p %l\\n' | sed 's|^d [0-9]* \\(.* /var/lib/docker \\)$|d - \\1|' | titled file
found -type f -exec sha256sum {} + | titled content
getent passwd | titled user
getent group | titled group
systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }' | titled unit
systemctl list-units --no-legend --no-pager --plain --type=service,socket --state=active,failed,activating |
  awk '$4 != "exited" && $1 !~ /^user@/ { print $1, $4 }' | titled running
ip -brief -4 address | awk '{ sub(/@.*/, "", $1); print $1, $3 }' | titled link
ss -Hlntup | awk '{ sub(/,pid=.*/, "", $7); print $1, $5, $7 }' | titled listening
cat /proc/sys/net/ipv4/ip_forward | titled ip_forward
if [ $engine = yes ]; then
  docker images -a --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | titled image
  docker ps -a --no-trunc --format '{{.Names}} {{.ID}}' | titled container
  docker volume ls -q | titled volume
  docker network ls --format '{{.Name}}' | titled network
fi`;

/** Sorted lines of what is on each host, by its name. */
export async function snapshots(on: readonly Host[] = hosts()): Promise<Record<string, string[]>> {
  return Object.fromEntries(await Promise.all(on.map(async (one) => [one.name, await snapshot(one)] as const)));
}

async function snapshot(one: Host): Promise<string[]> {
  const lines = (await atConsole(one, script)).trim().split("\n");
  return [...lines, ...rules(await iptablesOf(one))].sort();
}

/** Rules, chains, and policies that are not the kernel's own: an empty table is as good as none. */
function rules(saved: string): string[] {
  let table = "";
  return saved.split("\n").flatMap((line) => {
    if (line.startsWith("*")) {
      table = line.slice(1);
    }
    if (!/^[:-]/.test(line) || / ACCEPT \[/.test(line)) {
      return [];
    }
    return [`iptables ${table} ${line.replace(/ \[\d+:\d+\]/, "")}`];
  });
}

/** What `after` has more and less than `before`, by host: the message of a failed comparison should be short. */
export function changes(
  before: Readonly<Record<string, readonly string[]>>,
  after: Readonly<Record<string, readonly string[]>>,
  allowed = /^$/,
): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(before).map(([name, lines]) => {
      const [had, has] = [new Set(lines), new Set(after[name])];
      const more = [...has].filter((line) => !had.has(line)).map((line) => `more: ${line}`);
      const less = lines.filter((line) => !has.has(line)).map((line) => `less: ${line}`);
      return [name, [...more, ...less].filter((line) => !allowed.test(line))];
    }),
  );
}

/** `{ h1: [], … }`: nothing changed on any of these hosts. */
export const unchanged = (on: readonly Host[] = hosts()): Record<string, string[]> =>
  Object.fromEntries(on.map(({ name }) => [name, []]));
