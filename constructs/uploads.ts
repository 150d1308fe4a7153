/** Sending a host what its steps need: the scripts, and the tables that every host gets. */
import type { FileProvisioner, RemoteExecProvisioner, TerraformAsset, TerraformResource } from "cdktf";
import { uploadsFolder as uploads } from "../cluster/names.js";
import { takeHost } from "./hold.js";

/** What is sent. */
export interface Uploads {
  /** The folder of steps. */
  readonly scripts: TerraformAsset;
  /** Folder, in the stack's, with the tables that every host gets; and a hash of them. */
  readonly tables: { readonly folder: string; readonly hash: string; readonly files: readonly TerraformResource[] };
}

/** Where Terraform puts the commands that it runs before the folder of uploads is there: beside it. */
export const besideUploads = `./${uploads}-%RAND%`;

// A copy to a folder that is missing would make a file of that name.
const makeFolders = `umask 077 && { [ -d ${uploads} ] || rm -f ${uploads}; } && rm -rf ${uploads}/scripts && mkdir -p ${uploads}/consul ${uploads}/artifacts ${uploads}/scripts`;

/**
 * The provisioners that send the scripts, and the tables when there are any to send, once the deploy has the host.
 *
 * @param who the deployer, where not the usual expression
 */
export const sendUploads = (
  { scripts, tables }: Omit<Uploads, "tables"> & Partial<Uploads>,
  sudo: string,
  who?: string,
) => [
  { type: "remote-exec", inline: [takeHost(scripts, sudo, who), makeFolders] } satisfies RemoteExecProvisioner,
  { type: "file", source: `${scripts.path}/`, destination: `${uploads}/scripts` } satisfies FileProvisioner,
  ...(tables ? [{ type: "file", source: `${tables.folder}/`, destination: uploads } satisfies FileProvisioner] : []),
];

/** Removes the uploads, on a host that has been uninstalled. */
export const removeUploads = `sh ${uploads}/scripts/remove-uploads.sh`;
