/** What was measured, as the text of docs/performance.md and as a plot. */
import { cpus, loadavg, release, totalmem } from "node:os";
import type { Machine, Measured, Run } from "./json-schema.js";

export const thisMachine = (): Machine => ({
  processors: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `Linux ${release()}, Node.js ${process.version}`,
  load: loadavg()[0] ?? 0,
});

const spread = (runs: readonly Run[], of: (run: Run) => number, digits: number): string => {
  const values = runs.map(of).sort((a, b) => a - b);
  const shown = [values[Math.floor(values.length / 2)], values[0], values.at(-1)].map((value = 0) =>
    value.toFixed(digits),
  );
  return `${shown[0]} (${shown[1]}–${shown[2]})`;
};

/** One line for each number of hosts: median (minimum–maximum). */
export const table = (measured: readonly Measured[]): string[] => [
  "| Hosts | Seconds | Processor seconds | Floor: processor seconds | Memory, MB | JSON, bytes a host |",
  "| --- | --- | --- | --- | --- | --- |",
  ...measured.map(
    ({ hosts, runs, floor, bytesPerHost }) =>
      `| ${hosts} | ${spread(runs, (run) => run.seconds, 2)} | ${spread(runs, (run) => run.processorSeconds, 2)} | ${spread(floor, (run) => run.processorSeconds, 2)} | ${spread(runs, (run) => run.megabytes, 0)} | ${bytesPerHost} |`,
  ),
];

export const page = (machine: Machine, measured: readonly Measured[]): string =>
  `<!-- Written by \`scripts/bench synth --write\`. -->

# Performance

## Synthesis

From the cluster file to \`cdk.tf.json\`: the smallest example with as many hosts as the first column
says. Each figure is the median of ${measured[0]?.runs.length ?? 0} runs, with the lowest and the highest in brackets.

${table(measured).join("\n")}

![Synthesis by the number of hosts](images/synth.svg)

- **Seconds** are what an operator waits. They count everything else that the machine is doing.
- **Processor seconds** depend on that much less: compare these between versions.
- **Floor** is a process that reads the same JSON and writes it again, run in turn with the synthesis.
- **JSON** grows by the same for each host; what it has for the cluster as a whole is why few hosts
  have more bytes each.

Measured on ${machine.processors}, ${machine.memory}, ${machine.system}.
In the minute before, ${machine.load.toFixed(1)} processes on average wanted a processor.
${machine.load > cpus().length ? busy : ""}`;

const busy = `
**The machine was busy with other work**: the seconds are several times those of an idle one, and the
processor seconds are higher too.
`;

const width = 640;
const height = 360;
const margin = 48;

/** Processor seconds over hosts, each run a point, with a line through the medians. */
export function plot(measured: readonly Measured[]): string {
  const most = Math.max(...measured.map(({ hosts }) => hosts));
  const longest = Math.ceil(Math.max(...measured.flatMap(({ runs }) => runs.map((run) => run.processorSeconds))));
  const x = (hosts: number) => Math.round(margin + (hosts / most) * (width - 2 * margin));
  const y = (seconds: number) => Math.round(height - margin - (seconds / longest) * (height - 2 * margin));
  const median = (runs: readonly Run[]) =>
    runs.map((run) => run.processorSeconds).sort((a, b) => a - b)[Math.floor(runs.length / 2)] ?? 0;
  const line = measured.map(({ hosts, runs }) => `${x(hosts)},${y(median(runs))}`).join(" ");
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
