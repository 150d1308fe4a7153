/** Sending a host what its steps need: the scripts, and the tables that every host gets. */
import type { FileProvisioner, RemoteExecProvisioner, TerraformAsset, TerraformResource } from "cdktf";
import type { Construct } from "constructs";
import { secretUploads, uploadsFolder as uploads } from "../cluster/names.js";
import { takeHost } from "./hold.js";
import { once } from "./once.js";

/** What is sent. */
export interface Uploads {
  /** The folder of steps. */
  readonly scripts: TerraformAsset;
  /** The commands that give a host back, of `teardown.ts`. */
  readonly teardown: TerraformAsset;
  /** Folder, in the stack's, with the tables that every host gets; and a hash of them. */
  readonly tables: { readonly folder: string; readonly hash: string; readonly files: readonly TerraformResource[] };
}

/** Where Terraform puts the commands that it runs before the folder of uploads is there: beside it. */
export const besideUploads = `./${uploads}-%RAND%`;

// A copy to a folder that is missing would make a file of that name.
const makeFolders = `umask 077 && { [ -d ${uploads} ] || rm -f ${uploads}; } && rm -rf ${uploads}/scripts && mkdir -p ${uploads}/consul ${uploads}/artifacts ${uploads}/scripts ${uploads}/${secretUploads}`;

/** What makes room on a host for the uploads, once the deploy has it. */
export const receiveUploads = (scripts: TerraformAsset, sudo: string, who?: string): string =>
  [takeHost(scripts, sudo, who), makeFolders].join("\n");

export const sendScripts = ({ path }: TerraformAsset): FileProvisioner => ({
  type: "file",
  source: `${path}/`,
  destination: `${uploads}/scripts`,
});

/** The provisioners that send the scripts and the tables, once the deploy has the host. */
export function sendUploads(scope: Construct, { scripts, tables }: Uploads, sudo: string) {
  const receive = once(scope, "receive_uploads", receiveUploads(scripts, ""));
  return [
    { type: "remote-exec", inline: [`${sudo}${receive}`] } satisfies RemoteExecProvisioner,
    sendScripts(scripts),
    { type: "file", source: `${tables.folder}/`, destination: uploads } satisfies FileProvisioner,
  ];
}

/** Removes the uploads, on a host that has been uninstalled. */
export const removeUploads = `sh ${uploads}/scripts/remove-uploads.sh`;
