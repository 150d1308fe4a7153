/**
 * A cluster that Terraform takes for deployed, and plans for it, with the real providers and without a host: steps, tables
 * and records are applied for real, but without their provisioners; Swarm's containers are written into the state.
 */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Artifact } from "../../cluster/model.js";
import { TerraformPlan } from "../../commands/plan/terraform-plan.js";
import { clusterFrom, synthesise, temporaryFolder } from "../fixtures/clusters.js";

type Json = Record<string, unknown>;
interface Resource extends Json {
  depends_on?: string[];
}
interface Synthesised {
  terraform: { required_providers: Record<string, unknown> };
  resource: Record<string, Record<string, Resource>>;
  provider: Record<string, unknown>;
  locals: Record<string, string>;
}
interface State {
  resources: Json[];
}
interface Shown {
  planned_values: {
    root_module: { resources: { type: string; name: string; schema_version: number; values: Json }[] };
  };
}

export const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "multicast-swarm");
export const providers = join(cache, "providers");

/** The providers that the lab has built, at their versions. */
export function builtVersions(): Record<string, string> {
  const registry = join(providers, "registry.terraform.io");
  if (!existsSync(registry)) {
    throw new Error(`found no ${registry}, expected the Terraform providers: scripts/lab up builds them, once`);
  }
  const version = (owner: string, name: string) => readdirSync(join(registry, owner, name))[0] as string;
  return {
    docker: version("kreuzwerker", "docker"),
    local: version("hashicorp", "local"),
    null: version("hashicorp", "null"),
  };
}

/** Base64 of 32 bytes, none of them a secret. */
const key = Buffer.from("a gossip key for tests, no other").toString("base64");

export class Deployed {
  /** The cluster file's. */
  public readonly folder = temporaryFolder();
  private readonly settings = join(this.folder, "terraform.rc");

  public constructor() {
    const mirror = `filesystem_mirror {\n    path = ${JSON.stringify(providers)}\n  }`;
    // Terraform reads the key of the hosts' login with every plan.
    writeFileSync(join(this.folder, "id_ed25519"), "");
    writeFileSync(this.settings, `provider_installation {\n  ${mirror}\n}\ndisable_checkpoint = true\n`);
  }

  /** Plans the deploy of a cluster file on top of what is deployed. Asks no host. */
  public async plan(file: Json, locked?: readonly Artifact[]): Promise<string> {
    const stack = await this.synthesise(file, locked);
    await this.terraform(stack, "plan", "-input=false", "-refresh=false", "-out=plan");
    return this.terraform(stack, "show", "-json", "plan");
  }

  /** Plans the destruction of what is deployed. */
  public async planDestroy(file: Json): Promise<string> {
    const stack = await this.synthesise(file);
    await this.terraform(stack, "plan", "-destroy", "-input=false", "-refresh=false", "-out=plan");
    return this.terraform(stack, "show", "-json", "plan");
  }

  /** From now on the cluster file is deployed. */
  public async deploy(file: Json, locked?: readonly Artifact[]): Promise<void> {
    const shown = JSON.parse(await this.plan(file, locked)) as Shown;
    const stack = join(this.folder, "cdktf.out/stacks/test");
    const bare = join(this.folder, "bare");
    mkdirSync(bare, { recursive: true });
    cpSync(join(stack, "assets"), join(bare, "assets"), { recursive: true });
    const state = join(this.folder, "terraform.test.tfstate");
    writeFileSync(
      join(bare, "cdk.tf.json"),
      withoutHosts(readFileSync(join(stack, "cdk.tf.json"), "utf8"), "../terraform.test.tfstate"),
    );
    await this.terraform(bare, "init", "-input=false");
    await this.terraform(bare, "apply", "-input=false", "-auto-approve", "-refresh=false");
    cpSync(state, join(this.folder, "bare.tfstate"));
    const written = JSON.parse(readFileSync(state, "utf8")) as State;
    written.resources.push(...containersIn(shown, written));
    writeFileSync(state, JSON.stringify(written));
  }

  /**
   * Plans what is deployed in another checkout, which has what a synthesis has written, and the state. Without Swarm's
   * containers, which a plan would have to ask hosts for. Returns the status of `-detailed-exitcode`: 0 for no change.
   */
  public async planElsewhere(file: Json): Promise<number> {
    const folder = temporaryFolder();
    const stack = synthesise(
      clusterFrom({ ...file, providers: builtVersions() }, undefined, folder),
      join(folder, "cdktf.out"),
    );
    const path = join(stack, "cdk.tf.json");
    cpSync(join(this.folder, "bare.tfstate"), join(stack, "terraform.tfstate"));
    writeFileSync(path, withoutHosts(readFileSync(path, "utf8"), "terraform.tfstate"));
    await this.terraform(stack, "init", "-input=false");
    const planned = this.terraform(stack, "plan", "-input=false", "-detailed-exitcode");
    return planned.then(
      () => 0,
      ({ code }: { code: number }) => code,
    );
  }

  private async synthesise(file: Json, locked?: readonly Artifact[]): Promise<string> {
    const stack = synthesise(
      clusterFrom({ ...file, providers: builtVersions() }, locked, this.folder),
      join(this.folder, "cdktf.out"),
    );
    if (!existsSync(join(stack, ".terraform"))) {
      await this.terraform(stack, "init", "-input=false");
    }
    return stack;
  }

  private async terraform(stack: string, ...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("terraform", [`-chdir=${stack}`, ...args, "-no-color"], {
      maxBuffer: 2 ** 28,
      env: {
        ...process.env,
        PATH: `${join(cache, "bin")}:${process.env.PATH}`,
        TF_CLI_CONFIG_FILE: this.settings,
        TF_VAR_gossip_key: key,
        TF_VAR_weave_password: key,
        TF_VAR_consul_token: "6f1c5a0e-0d5b-4a7e-9d1f-3b2a1c0d9e8f",
      },
    });
    return stdout;
  }
}

const isContainer = (address: string) => address.startsWith("docker_container.");

/** The stack without what needs a host: provisioners, and Swarm's containers, whose ids are their addresses. */
function withoutHosts(text: string, statePath: string): string {
  const stack = JSON.parse(text.replace(/(docker_container\.[\w-]+)\.id/g, '\\"$1\\"')) as Synthesised;
  delete stack.resource.docker_container;
  delete stack.provider.docker;
  delete stack.terraform.required_providers.docker;
  for (const resource of Object.values(stack.resource).flatMap((byName) => Object.values(byName))) {
    delete resource.provisioner;
    delete resource.connection;
    resource.depends_on = (resource.depends_on ?? []).filter((address) => !isContainer(address));
  }
  // The keys of the hosts' logins, which lie beside another folder.
  stack.locals = Object.fromEntries(Object.entries(stack.locals).filter(([name]) => !name.startsWith("private_key_")));
  const { removed: _, ...kept } = stack as Synthesised & { removed?: unknown };
  return JSON.stringify({ ...kept, terraform: { ...stack.terraform, backend: { local: { path: statePath } } } });
}

/** What Terraform compares of that which only a daemon knows, as it reports them of Swarm's containers. */
const reported = { entrypoint: [], env: [], network_data: [], security_opts: [] };

/** Swarm's containers as they are planned, for the state. */
function containersIn({ planned_values: planned }: Shown, { resources }: State): Json[] {
  const isTerraform = JSON.stringify(resources).includes("registry.terraform.io");
  const registry = isTerraform ? "registry.terraform.io" : "registry.opentofu.org";
  return planned.root_module.resources
    .filter(({ type }) => type === "docker_container")
    .map(({ type, name, schema_version, values }) => ({
      mode: "managed",
      type,
      name,
      provider: `provider["${registry}/kreuzwerker/docker"].${name.split("_")[0]}`,
      instances: [{ schema_version, attributes: { ...values, ...reported, id: `${type}.${name}` } }],
    }));
}

/** What Terraform does to each resource and why, without the values: action, address, changed attributes. */
export function changesIn(text: string): string[] {
  const plan = new TerraformPlan(text);
  return [...plan.changes.values()].map(({ address, actions, changed }) => {
    const action = actions.length > 1 ? "replace" : (actions[0] as string);
    const { before, after } = plan.triggers(address);
    const triggers = Object.keys({ ...before, ...after })
      .filter((name) => before?.[name] !== after?.[name])
      .map((name) => `triggers.${name}`);
    const because = before && after ? triggers : changed;
    const shown = action === "replace" || action === "update" ? `: ${because.join(", ")}` : "";
    return `${action} ${address}${shown}`;
  });
}
