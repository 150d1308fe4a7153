/** How what the checks find becomes a verdict on each host. */
import { z } from "zod";
import type { Inventory } from "../../cluster/inventory.js";
import { label } from "../../cluster/model.js";
import { blame, type Complaint } from "./blame.js";
import { type Look, thisMachine } from "./checks/check.js";
import { type CheckName, causesOf, checkNames, checks, type NamedCheck } from "./checks/index.js";
import type { Evidence } from "./evidence.js";

export const verdictSchema = z
  .object({
    host: z.string().describe(`a host's name, a stranger's address, or \`${thisMachine}\` where verify runs`),
    check: z.enum(checkNames),
    status: z
      .enum(["ok", "failed", "follows", "unknown"])
      .describe(
        "`follows`: something is wrong, but another failure on this host explains it; `unknown`: the host could not be asked",
      ),
    found: z.string(),
    needed: z.string().optional(),
    fix: z.string().optional(),
    advice: z.string().optional().describe("what to do about what is ok, but not for long"),
    because: z.string().optional().describe("the check whose failure explains this one, or another reason"),
  })
  .readonly();

/** What one check says about one host, or about a stranger's address. */
export type Verdict = z.infer<typeof verdictSchema>;

/** Verdicts on all hosts, in the order of the checks. `silent` are the hosts that could not be asked. */
export function verdictsOn(evidence: Evidence, silent: ReadonlySet<string>): Verdict[] {
  const failed = new Map<string, CheckName[]>();
  return checks.flatMap((check) => {
    const causes = causesOf(check.name);
    const cause = (host: string) =>
      silent.has(host) ? "it could not be asked" : failed.get(host)?.find((other) => causes.has(other));
    const verdicts = verdictsOf(check, { evidence, silent, cause });
    for (const { host, status } of verdicts) {
      if (status === "failed") {
        failed.set(host, [...(failed.get(host) ?? []), check.name]);
      }
    }
    return verdicts;
  });
}

interface Situation {
  readonly evidence: Evidence;
  readonly silent: ReadonlySet<string>;
  /** What explains a failure on a host. */
  readonly cause: (host: string) => string | undefined;
}

/** One check's verdicts. The first fault that its looks find on a host is the nearest to the cause. */
function verdictsOf(check: NamedCheck, situation: Situation): Verdict[] {
  const verdicts = new Map<string, Verdict>();
  const open = (host: string) => (verdicts.get(host)?.status ?? "ok") === "ok";
  for (const look of [check, ...(check.further ?? [])]) {
    const observed = look.observe(situation.evidence);
    if (observed === undefined) {
      continue;
    }
    const blamed = blame(observed.complaints, knownToBeAtFault(observed.complaints, situation));
    for (const [host, seen] of observed.seen) {
      if (blamed.has(host) || !open(host)) {
        continue;
      }
      const found = seen || (verdicts.get(host)?.found ?? "");
      const advice = observed.advice?.get(host) ?? verdicts.get(host)?.advice;
      verdicts.set(host, { host, check: check.name, status: "ok", found, ...(advice && { advice }) });
    }
    for (const [host, share] of blamed) {
      if (open(host)) {
        verdicts.set(host, { check: check.name, ...faultOf(host, look, share, situation) });
      }
    }
  }
  return [...verdicts.values()];
}

/** Hosts whose fault has an explanation, and strangers: they are at fault, however few have noticed it. */
function knownToBeAtFault(complaints: readonly Complaint[], { evidence, cause }: Situation): Set<string> {
  const names = evidence.inventory.hosts.map(({ name }) => name);
  const strangers = complaints.map(({ about }) => about).filter((about) => !names.includes(about));
  return new Set([...names.filter((host) => cause(host) !== undefined), ...strangers]);
}

function faultOf(
  host: string,
  { needed, fix }: Look,
  share: readonly Complaint[],
  { evidence, silent, cause }: Situation,
): Omit<Verdict, "check"> {
  const because = cause(host);
  const fault = because === undefined ? "failed" : "follows";
  return {
    host,
    status: silent.has(host) ? "unknown" : fault,
    found: inOneLine(evidence.inventory, host, share),
    needed: typeof needed === "string" ? needed : needed(evidence),
    fix: fix(host, evidence, share),
    ...(because === undefined ? {} : { because }),
  };
}

/** What several hosts say of one: the same words once, with who said them. */
function inOneLine({ hosts }: Inventory, blamed: string, share: readonly Complaint[]): string {
  const said = new Map<string, { readonly seenBy: Set<string>; readonly towards: Set<string> }>();
  // What the host says of itself is the most exact.
  const own = share.filter(({ by, about }) => by === blamed && about === blamed).map(({ found }) => found);
  for (const { by, about, found } of share) {
    if (own.length > 0 && !own.includes(found)) {
      continue;
    }
    const { seenBy, towards } = said.get(found) ?? { seenBy: new Set(), towards: new Set() };
    said.set(found, {
      seenBy: by === blamed ? seenBy : seenBy.add(by),
      towards: about === blamed ? towards : towards.add(about),
    });
  }
  const members = new Set(hosts.map(({ name }) => name));
  const names = (some: ReadonlySet<string>) => [...some].filter((name) => members.has(name)).join(", ");
  return [...said]
    .map(([found, { seenBy, towards }]) => {
      if (seenBy.size > 0) {
        return `${found}, seen by ${names(seenBy)}`;
      }
      return towards.size > 0 ? `${found}, to ${names(towards)}` : found;
    })
    .join("; ");
}

/** A host's label, or a stranger's address as it stands. */
export function labelOf({ hosts }: Inventory, name: string): string {
  const host = hosts.find((one) => one.name === name);
  return host ? label(host) : name;
}
