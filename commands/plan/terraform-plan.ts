/** A plan of Terraform's, as `terraform show -json` prints it, and what the rest of the command asks of it. */
import { z } from "zod";

const attributes = z.record(z.string(), z.unknown()).nullish();

const change = z.object({
  address: z.string(),
  type: z.string(),
  name: z.string(),
  change: z.object({
    actions: z.array(z.string()),
    before: attributes,
    after: attributes,
    replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
  }),
});

const configured = z.object({
  address: z.string(),
  depends_on: z.array(z.string()).optional(),
  expressions: z.record(z.string(), z.unknown()).optional(),
});

const values = z.object({ address: z.string(), values: attributes });
const module = z.object({ resources: z.array(values).optional() }).optional();

/** The parts that are read here of https://developer.hashicorp.com/terraform/internals/json-format. */
const planSchema = z.object({
  format_version: z.string(),
  errored: z.boolean().optional(),
  resource_changes: z.array(change).optional(),
  resource_drift: z.array(change).optional(),
  planned_values: z.object({ root_module: module }).optional(),
  prior_state: z.object({ values: z.object({ root_module: module }).optional() }).optional(),
  configuration: z.object({ root_module: z.object({ resources: z.array(configured).optional() }) }),
});

type Attributes = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

/** What Terraform is going to do with one resource. */
export interface PlannedChange {
  readonly address: string;
  readonly type: string;
  readonly name: string;
  /** `create`, `update`, `delete` or `forget`; both `delete` and `create` when it is replaced. */
  readonly actions: readonly string[];
  readonly before: Attributes;
  readonly after: Attributes;
  /** Attributes that make Terraform change it, as far as they are known before the deploy. */
  readonly changed: readonly string[];
}

/** A value before the deploy and after it; undefined where there is none. */
export interface Turn<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

export class TerraformPlan {
  /** What is going to happen, by address. Resources that stay as they are are left out. */
  public readonly changes: ReadonlyMap<string, PlannedChange>;
  private readonly json: z.infer<typeof planSchema>;
  private readonly waitsFor: ReadonlyMap<string, readonly string[]>;
  private readonly predecessorsOf = new Map<string, ReadonlySet<string>>();

  /** @param text what `terraform show -json` printed */
  public constructor(text: string) {
    this.json = parsed(text);
    const changes = (this.json.resource_changes ?? []).filter(({ change: { actions } }) => !isQuiet(actions));
    this.changes = new Map(changes.map((one) => [one.address, planned(one)]));
    this.waitsFor = new Map(
      this.configured.map(({ address, depends_on = [], expressions }) => [
        address,
        [...depends_on, ...referencesIn(expressions)],
      ]),
    );
  }

  private get configured() {
    return this.json.configuration.root_module.resources ?? [];
  }

  /** The content of one of the files that the deploy renders, by the name of its `local_file`. */
  public file(name: string): Turn<string> {
    const address = `local_file.${name}`;
    const content = (found: { readonly values?: unknown } | undefined) => textIn(found?.values, "content");
    const prior = this.json.prior_state?.values?.root_module?.resources ?? [];
    // A file that is missing or edited on this machine is dropped from the state by the refresh, and is drift.
    const drifted = this.json.resource_drift?.find((one) => one.address === address)?.change.before;
    const later = this.json.planned_values?.root_module?.resources ?? [];
    return {
      before: textIn(drifted, "content") ?? content(prior.find((one) => one.address === address)),
      after: content(later.find((one) => one.address === address)),
    };
  }

  /**
   * A step's triggers. Those that Terraform cannot know before the deploy, ids of others that run again, are left out
   * of `after`.
   */
  public triggers(address: string): Turn<Texts> {
    const found = this.changes.get(address);
    const written = this.configured.find((one) => one.address === address)?.expressions?.triggers;
    const constant = texts((written as { constant_value?: unknown } | undefined)?.constant_value);
    const literal = Object.fromEntries(Object.entries(constant ?? {}).filter(([, text]) => !/(?<!\$)\$\{/.test(text)));
    const after = found?.actions.includes("create") ? { ...literal, ...texts(found.after.triggers) } : undefined;
    return { before: texts(found?.before.triggers), after };
  }

  /** Does Terraform wait for one resource before it turns to the other? */
  public comesBefore(one: string, other: string): boolean {
    return this.predecessors(other).has(one);
  }

  private predecessors(address: string): ReadonlySet<string> {
    const known = this.predecessorsOf.get(address);
    if (known) {
      return known;
    }
    const found = new Set<string>();
    const waiting = [address];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      for (const before of this.waitsFor.get(next) ?? []) {
        if (!found.has(before)) {
          found.add(before);
          waiting.push(before);
        }
      }
    }
    this.predecessorsOf.set(address, found);
    return found;
  }
}

function parsed(text: string): z.infer<typeof planSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error("found no JSON, expected what `terraform show -json PLAN` prints");
  }
  const result = planSchema.safeParse(json);
  if (!result.success) {
    throw new Error("found other JSON than a plan's, expected what `terraform show -json PLAN` prints");
  }
  if (!result.data.format_version.startsWith("1.")) {
    throw new Error(`found a plan in the format ${result.data.format_version}, expected 1.x`);
  }
  if (result.data.errored) {
    throw new Error("found a plan that failed, and so does not hold all that is going to happen");
  }
  return result.data;
}

const isQuiet = (actions: readonly string[]) => actions.every((action) => action === "no-op" || action === "read");

function planned({ address, type, name, change: { actions, before, after, replace_paths } }: z.infer<typeof change>) {
  const [was, is] = [before ?? {}, after ?? {}];
  const differing = Object.keys(is).filter((key) => JSON.stringify(was[key]) !== JSON.stringify(is[key]));
  const changed = replace_paths ? replace_paths.map(([first]) => String(first)) : differing;
  const known = [...new Set(changed)].filter((key) => key in is).sort();
  return { address, type, name, actions, before: was, after: is, changed: known };
}

/** Every address that an expression names. */
function referencesIn(expression: unknown): string[] {
  if (Array.isArray(expression)) {
    return expression.flatMap(referencesIn);
  }
  if (typeof expression !== "object" || expression === null) {
    return [];
  }
  return Object.entries(expression).flatMap(([key, inner]) =>
    key === "references" && Array.isArray(inner) ? inner.map(String) : referencesIn(inner),
  );
}

function texts(value: unknown): Texts | undefined {
  const result = z.record(z.string(), z.string()).safeParse(value);
  return result.success ? result.data : undefined;
}

function textIn(value: unknown, key: string): string | undefined {
  const text = (value as Attributes | null | undefined)?.[key];
  return typeof text === "string" ? text : undefined;
}
