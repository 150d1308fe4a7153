/** What was measured, as the text of docs/performance.md and as a plot. */
import { cpus, loadavg, release, totalmem } from "node:os";
import { type Bench, benches, type Machine, type Measured, type Run } from "./json-schema.js";

export const thisMachine = (): Machine => ({
  processors: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `Linux ${release()}, Node.js ${process.version}`,
  load: loadavg()[0] ?? 0,
});

const sorted = (runs: readonly Run[], of: (run: Run) => number): number[] => runs.map(of).sort((a, b) => a - b);
const median = (values: readonly number[]): number => values[Math.floor(values.length / 2)] ?? 0;

/** Median (minimum–maximum). */
const spread = (runs: readonly Run[], of: (run: Run) => number, digits: number): string => {
  const values = sorted(runs, of);
  const [middle, least, most] = [median(values), values[0], values.at(-1)].map((value = 0) => value.toFixed(digits));
  return `${middle} (${least}–${most})`;
};

const seconds = (run: Run) => run.seconds;
const processorSeconds = (run: Run) => run.processorSeconds;
const megabytes = (run: Run) => run.megabytes;

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
const head = (titles: readonly string[]): string[] => [row(titles), row(titles.map(() => "---"))];

const synthTable = (measured: readonly Measured[]): string[] => [
  ...head(["Hosts", "Seconds", "Processor seconds", "Floor: processor seconds", "Memory, MB", "JSON, bytes a host"]),
  ...measured.map(({ hosts, runs, floor = [], bytesPerHost = 0 }) =>
    row([
      hosts,
      spread(runs, seconds, 2),
      spread(runs, processorSeconds, 2),
      spread(floor, processorSeconds, 2),
      spread(runs, megabytes, 0),
      bytesPerHost,
    ]),
  ),
];

/** Commands, or numbers of hosts, and first what is the floor of them, if there is one. */
function commandTable(first: string, label: (one: Measured) => string, measured: readonly Measured[]): string[] {
  const floor = measured[0]?.floor;
  const least = floor && median(sorted(floor, seconds));
  const cells = (what: string, runs: readonly Run[]) =>
    row([
      what,
      spread(runs, seconds, 1),
      ...(least ? [(median(sorted(runs, seconds)) / least).toFixed(2)] : []),
      spread(runs, processorSeconds, 1),
      spread(runs, megabytes, 0),
    ]);
  return [
    ...head([first, "Seconds", ...(least ? ["Times the floor"] : []), "Processor seconds", "Memory, MB"]),
    ...(floor ? [cells("bare ssh script (the floor)", floor)] : []),
    ...measured.map((one) => cells(label(one), one.runs)),
  ];
}

export function table(command: Bench, measured: readonly Measured[]): string[] {
  switch (command) {
    case "synth":
      return synthTable(measured);
    case "plan":
      return commandTable("Hosts", ({ hosts }) => String(hosts), measured);
    default:
      return commandTable("Command", ({ what }) => `\`${what}\``, measured);
  }
}

/** What each section is called, what was measured, and what the figures mean. */
const sections: Record<Bench, { title: string; about: string; meaning: string }> = {
  synth: {
    title: "Synthesis",
    about: `From the cluster file to \`cdk.tf.json\`: the smallest example with as many hosts as the first column
says.`,
    meaning: `![Synthesis by the number of hosts](images/synth.svg)

- **Seconds** are what an operator waits. They count everything else that the machine is doing.
- **Processor seconds** depend on that much less: compare these between versions.
- **Floor** is a process that reads the same JSON and writes it again, run in turn with the synthesis.
- **JSON** grows by the same for each host; what it has for the cluster as a whole is why few hosts
  have more bytes each.`,
  },
  plan: {
    title: "Plan",
    about: `The first \`terraform plan\` of the lab's cluster, had it as many hosts. It asks none of them.`,
    meaning: `There is no floor: Terraform runs a process of the docker provider for each host, whatever is planned.
That is what memory grows with; pages that these processes share are counted once.`,
  },
  deploy: {
    title: "Deploy",
    about: `The first deploy to three fresh hosts of the lab, the last of them without Docker Engine. All of them
run on one machine, and share its processors with the deploy.`,
    meaning: `- **The floor** is [bare.sh](../commands/bench/bare.sh), a parallel ssh script that makes the same
  cluster: packages, Consul, images, Weave Net, Swarm's containers. It ends, as a deploy does, when
  every manager shows all hosts healthy. It checks nothing: no preflight, no checksums, no record of
  what it has made. It runs in turn with the others.
- **\`cdktf deploy\`** begins with nothing but the cluster file, its lock files and the keys: it counts
  synthesis, \`terraform init\` and the plan. **\`terraform apply\`** begins with what was synthesised
  and initialised.
- **Seconds** count what the hosts do; **processor seconds** and **memory** are those of the operator's
  side alone, with Terraform, its providers and ssh.`,
  },
  ansible: {
    title: "Deploy by Ansible",
    about:
      "The same cluster, on the same hosts, by an Ansible playbook with its fast settings: forks, pipelining, ControlPersist.",
    meaning: `[playbook.yaml](../commands/bench/playbook.yaml) compares before it changes and checks the downloads'
checksums. It has no preflight, no record of what it has made and so nothing to take it away by, and
restarts nothing in turn. It runs in turn with the floor of [Deploy](#deploy). Hosts of the lab get the
Python that Ansible needs there before the time is taken.`,
  },
  "no-change": {
    title: "No change",
    about: "The cluster of three hosts is as the cluster file says, and nothing is to be done.",
    meaning: `There is no floor: a script that compares nothing does everything again. Processor seconds and
memory are those of the operator's side alone.`,
  },
  edit: {
    title: "Edit",
    about:
      "One field of the cluster file is edited, and what that concerns is done on the running cluster of three hosts.",
    meaning: `There is no floor. Consul's three servers restart one after the other, each when the others call it
healthy: that wait, and not the work, is most of the seconds. Processor seconds and memory are those of
the operator's side alone.`,
  },
  "add-host": {
    title: "Add a host",
    about: `A third host joins a running cluster of two: all of it is installed there, and the others are told
of their new peer.`,
    meaning: "There is no floor. Processor seconds and memory are those of the operator's side alone.",
  },
  destroy: {
    title: "Destroy",
    about: "All that a deploy has put on three hosts goes again, on the last of them Docker Engine too.",
    meaning: "There is no floor. Processor seconds and memory are those of the operator's side alone.",
  },
  verify: {
    title: "Verify",
    about: `A healthy cluster of three hosts of the lab, which have the images for it already: the first run
after a deploy loads them too.`,
    meaning: `There is no floor: nothing else looks at the same. Processor seconds and memory are those of the
operator's side alone; most of the seconds are the wait for containers and for messages between them.`,
  },
};

/** The section of docs/performance.md about one command. */
export function section(command: Bench, machine: Machine, measured: readonly Measured[]): string {
  const { title, about, meaning } = sections[command];
  const rounds = measured[0]?.runs.length ?? 0;
  const figures =
    rounds === 1
      ? "Each figure is of one run."
      : `Each figure is the median of ${rounds} runs, with the lowest and the highest in brackets.`;
  return `## ${title}

${about}
${figures}

${table(command, measured).join("\n")}

${meaning}

Measured on ${machine.processors}, ${machine.memory}, ${machine.system}.
In the minute before, ${machine.load.toFixed(1)} processes on average wanted a processor.
${machine.load > cpus().length ? busy : ""}`;
}

const busy = `
**The machine was busy with other work**: everything took longer than on an idle one, up to several
times as long, and the processor seconds are higher too.
`;

const beginning = [
  "<!-- Written by `scripts/bench COMMAND --write`, a section for each command. -->",
  "# Performance",
  "What grows how with the number of hosts, and where it ends: [scale.md](scale.md).",
];

/** The page with one section written anew. Those of other commands, and of none, stay as they are; the latter at the end. */
export function withSection(page: string, command: Bench, text: string): string {
  const written = new Map(
    page
      .split(/^(?=## )/m)
      .slice(1)
      .map((one) => [one.slice("## ".length, one.indexOf("\n")), one.trimEnd()]),
  );
  written.set(sections[command].title, text.trimEnd());
  const titles = benches.map((bench) => sections[bench].title);
  const others = [...written].flatMap(([title, own]) => (titles.includes(title) ? [] : own));
  const ordered = [...titles.flatMap((title) => written.get(title) ?? []), ...others];
  return `${[...beginning, ...ordered].join("\n\n")}\n`;
}

const width = 640;
const height = 360;
const margin = 48;

/** Processor seconds over hosts, each run a point, with a line through the medians. */
export function plot(measured: readonly Measured[]): string {
  const most = Math.max(...measured.map(({ hosts }) => hosts));
  const longest = Math.ceil(Math.max(...measured.flatMap(({ runs }) => runs.map((run) => run.processorSeconds))));
  const x = (hosts: number) => Math.round(margin + (hosts / most) * (width - 2 * margin));
  const y = (seconds: number) => Math.round(height - margin - (seconds / longest) * (height - 2 * margin));
  const line = measured.map(({ hosts, runs }) => `${x(hosts)},${y(median(sorted(runs, processorSeconds)))}`).join(" ");
  const points = measured.flatMap(({ hosts, runs }) =>
    runs.map((run) => `<circle cx="${x(hosts)}" cy="${y(run.processorSeconds)}" r="3" fill="#1f6feb"/>`),
  );
  const label = (at: string, text: string) => `<text ${at} font-family="sans-serif" font-size="12">${text}</text>`;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<path d="M${margin},${margin} V${height - margin} H${width - margin}" fill="none" stroke="black"/>`,
    `<polyline points="${line}" fill="none" stroke="#1f6feb"/>`,
    ...points,
    label(`x="${margin}" y="${margin - 12}"`, "Processor seconds"),
    label(`x="${width - margin}" y="${height - 12}" text-anchor="end"`, `${most} hosts`),
    label(`x="${margin - 8}" y="${margin + 4}" text-anchor="end"`, String(longest)),
    label(`x="${margin - 8}" y="${height - margin}" text-anchor="end"`, "0"),
    "</svg>",
  ].join("\n")}\n`;
}
