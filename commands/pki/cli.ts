/** `scripts/pki [renew|new-authority|drop-authority] [CLUSTER_FILE]` */
import { program, UsageError } from "../shared/command.js";
import { dropAuthority, newAuthorityBeside } from "./authorities.js";
import { certify, type Way } from "./certify.js";

const usage = `Usage: scripts/pki [renew | new-authority | drop-authority] [--ca-key FILE | --csr-only | --import FOLDER] [CLUSTER_FILE]

Certificates for security.dockerTls and consulTls. Every host makes its own key, which never leaves it, and asks for a
certificate; an authority that is made here at first signs them. They lie in pki/ beside the cluster file: commit them.
The authority's key, and the operator's key and certificate, lie in .pki/, which git ignores: keep the first one safe.
Without renew it makes what is missing, does not fit or ends within 30 days; with it, a new key and certificate for
every host and the operator. A host uses them from the next deploy on.
new-authority makes another authority, which hosts trust beside the one that there is, and drop-authority ends that:
between them stand a deploy, scripts/pki renew and a deploy (docs/security.md).

  --ca-key FILE    the authority's key, where it is not .pki/ca.key
  --csr-only       signs nothing: writes requests into .pki/requests/ for an authority of your own
  --import FOLDER  takes ca.pem, hosts/NAME.pem and operator.pem, which that authority has made, from FOLDER
CLUSTER_FILE: default $CLUSTER_FILE, else ./cluster.yaml.

Exit status: 0 all is there, 1 something is not, 2 an argument that it does not know.`;

const options = {
  "ca-key": { type: "string" },
  "csr-only": { type: "boolean" },
  import: { type: "string" },
} as const;

program("pki", { usage, options, failed: 1 }, async (values, words) => {
  const [verb, ...rest] = /^(renew|new-authority|drop-authority)$/.test(words[0] ?? "") ? words : ["", ...words];
  const say = (line: string) => console.log(line);
  const [clusterFile = process.env.CLUSTER_FILE ?? "cluster.yaml", ...more] = rest;
  if (more.length > 0) {
    throw new UsageError(`found also ${more.join(", ")}, expected one cluster file`);
  }
  const way = wayOf(values);
  if (verb === "new-authority" || verb === "drop-authority") {
    if (way.by !== "authority") {
      throw new UsageError(`found ${verb} with --${way.by === "import" ? "import" : "csr-only"}, expected it without`);
    }
    (verb === "new-authority" ? newAuthorityBeside : dropAuthority)(clusterFile, way, say);
    return 0;
  }
  return (await certify(clusterFile, verb === "renew", way, say)) ? 0 : 1;
});

function wayOf(values: { "ca-key"?: string; "csr-only"?: boolean; import?: string }): Way {
  const { "ca-key": keyFile, "csr-only": requests, import: folder } = values;
  if (Object.keys(values).length > 1) {
    const found = Object.keys(values).map((name) => `--${name}`);
    throw new UsageError(`found ${found.join(" and ")}, expected one of them`);
  }
  if (requests) {
    return { by: "requests" };
  }
  return folder === undefined ? { by: "authority", ...(keyFile && { keyFile }) } : { by: "import", folder };
}
