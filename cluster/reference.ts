/** What `npm run reference` makes of the cluster file's schema and of the tables of ports and names. */

import { lockFileSchema } from "./lock-file.js";
import { namesScript } from "./names.js";
import { portsTable } from "./ports.js";
import { clusterFileSchema } from "./schema.js";
import { editorSchema, type Field, fieldOf } from "./schema-walk.js";

/** What is generated: path from the repository's root, and content. */
export function clusterReference(): Record<string, string> {
  return {
    "cluster/cluster.schema.json": `${JSON.stringify(editorSchema(clusterFileSchema), null, 2)}\n`,
    "docs/schemas/artifacts.lock.schema.json": `${JSON.stringify(editorSchema(lockFileSchema), null, 2)}\n`,
    "docs/cluster-file.md": page(),
    "docs/ports.md": portsPage(),
    "scripts/host/steps/names.sh": namesScript(),
  };
}

function page(): string {
  return `${[intro, ...sections("", fieldOf(clusterFileSchema)), outro].join("\n\n")}\n`;
}

const intro = `# The cluster file

<!-- Written by \`npm run reference\` from cluster/schema.ts. Change it there. -->

One YAML file describes a cluster. This is a complete one:

\`\`\`yaml
name: office
hosts:
  - { name: alpha, address: 192.168.1.11 }
  - { name: beta, address: 192.168.1.12 }
  - { name: gamma, address: 192.168.1.13 }
\`\`\`

These files belong beside it and in git; tools write them:

| File | What it holds | Written by |
| --- | --- | --- |
| \`known_hosts\` | the hosts' SSH keys, in OpenSSH's format, not hashed | \`scripts/hostkeys\` |
| \`artifacts.lock.json\` | everything that hosts may install: version, source, SHA-256 | \`scripts/lock\` |
| \`.terraform.lock.hcl\` | the checksums of Terraform's providers, which every synthesis takes along | \`scripts/lock\`, by Terraform |
| \`pki/\` | with \`security.dockerTls\` or \`security.consulTls\`: the certificates of the hosts and of the authority that they trust | \`scripts/pki\` |

Mistakes are reported all at once, each with file, line, column and field. Editors that know JSON Schema check while you
type when the file begins with

\`\`\`yaml
# yaml-language-server: $schema=PATH/TO/cluster/cluster.schema.json
\`\`\`

All fields are optional except \`name\`, \`hosts\`, and each host's \`name\` and \`address\`.`;

const outro = `## Where artifacts come from

\`scripts/lock\` writes \`artifacts.lock.json\`; hosts install nothing that is not in it. Without \`artifacts\` in the cluster file,
the sources are the publishers' own: releases.hashicorp.com, the releases of Weave Net on github.com, and docker.io for images,
which are pinned by the digest of their manifest. HashiCorp's signature of Consul's checksums is verified by \`gpg\` where that has
HashiCorp's key; \`scripts/lock\` says when it was not. With \`artifacts.mirror\` the same files are expected under its URL, with
\`artifacts.directory\` in that folder. With \`artifacts.registry\` all images come from a registry of your own instead.
[sources.md](sources.md) is about logins, and certificates of an authority of your own.

| File | Artifact |
| --- | --- |
| \`consul/VERSION/consul_VERSION_linux_ARCH.zip\` | Consul, as published |
| \`weave/VERSION/weave\` | the script \`weave\` of the release |
| \`images/OWNER_NAME_TAG_ARCH.tar\` | an image, written by \`docker save\`; \`/\` and \`:\` of its reference become \`_\` |
| \`packages/GROUP/PLATFORM/NAME_VERSION_ARCH.deb\` | packages, in a folder only: GROUP is \`docker-engine\`, \`unzip\` or \`nftables\`, PLATFORM like \`debian-12-amd64\` |

ARCH is \`amd64\` or \`arm64\`. An architecture that is missing there is left out of the lock file.

Packages (Docker Engine, \`unzip\`, and with \`firewall.managed\` \`nftables\`, for hosts that lack them) otherwise come from the hosts' own package sources:
\`scripts/lock\` asks every host over SSH what it would download. That needs no root and changes nothing on the host. With
\`docker.install: false\` no package of the engine's is locked.`;

const portsPage = () => `# Ports

<!-- Written by \`npm run reference\` from cluster/ports.ts. Change it there. -->

What the cluster opens on its hosts. Preflight tries every one of them that another host must reach, from each host that must reach it. [firewall.md](firewall.md) says how they are opened to the cluster and closed to everybody else.

${portsTable()}
`;

/** One table for each mapping, in the order of the schema. */
function sections(path: string, { properties = {}, required = [], description }: Field): string[] {
  const rows: string[] = [];
  const inner: string[] = [];
  for (const [name, field] of Object.entries(properties)) {
    const here = path === "" ? name : `${path}.${name}`;
    if (field.items?.properties) {
      inner.push(...sections(`${here}[]`, field.items));
    } else if (field.properties) {
      inner.push(...sections(here, field));
    }
    const fallback = required.includes(name) ? "required" : showDefault(field);
    rows.push(`| \`${name}\` | ${showValues(here, field)} | ${fallback} | ${cell(field.description)} |`);
  }
  const table = ["| Field | Value | Default | Meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
  const heading = path === "" ? "## Top level" : `## ${path}`;
  return [[heading, ...(path === "" || !description ? [] : [description]), table].join("\n\n"), ...inner];
}

function showValues(path: string, { properties, items, expected }: Field): string {
  if (items?.properties) {
    return `list, see [${path}[]](#${anchor(`${path}[]`)})`;
  }
  return properties ? `see [${path}](#${anchor(path)})` : cell(expected);
}

const anchor = (path: string) => path.toLowerCase().replace(/[^a-z0-9-]/g, "");

const cell = (text = "") => text.replaceAll("|", "\\|");

function showDefault({ properties, default: value }: Field): string {
  if (value === undefined || properties) {
    return "";
  }
  return `\`${typeof value === "string" ? value : JSON.stringify(value).replaceAll(",", ", ")}\``;
}
