/** The operator's own logins to registries, where `docker login` keeps them. They are only ever sent to the registry. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

// https://github.com/docker/cli/blob/master/cli/config/configfile/file.go; whatever else stands there is docker's alone.
const configSchema = z.object({
  auths: z
    .record(z.string(), z.object({ auth: z.string().optional(), identitytoken: z.string().optional() }))
    .optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
});
const credentialSchema = z.object({ Username: z.string(), Secret: z.string() });

/** What `docker login` calls Docker Hub. */
const hub = "https://index.docker.io/v1/";

/** USER:PASSWORD for a registry, in base64 as HTTP's Basic has it; undefined where the operator is not logged in there. */
export function registryLogin(host: string): string | undefined {
  const path = join(process.env.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
  if (!existsSync(path)) {
    return undefined;
  }
  const config = read(path);
  const name = host === "docker.io" ? hub : host;
  const helper = config.credHelpers?.[name] ?? config.credsStore;
  if (helper !== undefined && helper !== "") {
    return fromHelper(`docker-credential-${helper}`, name, path);
  }
  const { auth, identitytoken } = config.auths?.[name] ?? {};
  if (identitytoken) {
    throw new Error(
      `${path}: found an identity token for ${name}, expected a login with a password or an access token`,
    );
  }
  return auth || undefined;
}

function read(path: string): z.infer<typeof configSchema> {
  try {
    return configSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // What a parser says of it may hold a piece of a login.
    throw new Error(`${path}: found something else, expected the JSON that docker login writes`);
  }
}

/** A program that keeps logins elsewhere: https://github.com/docker/docker-credential-helpers */
function fromHelper(program: string, name: string, path: string): string | undefined {
  const { error, status, stdout } = spawnSync(program, ["get"], { input: name, encoding: "utf8" });
  if (error) {
    throw new Error(`${path}: names ${program}, which cannot be run: ${error.message}`);
  }
  if (status !== 0) {
    // It has no login for this registry.
    return undefined;
  }
  const credential = credentialSchema.safeParse(json(stdout));
  if (!credential.success || credential.data.Username === "<token>") {
    throw new Error(
      `${program} get: found no user and password for ${name}, expected a login with a password or an access token`,
    );
  }
  return Buffer.from(`${credential.data.Username}:${credential.data.Secret}`).toString("base64");
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
