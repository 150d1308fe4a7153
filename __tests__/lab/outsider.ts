/** A machine on the hosts' LAN that is neither a member nor an operator. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll } from "vitest";

const network = `${process.env.LAB_NAME}-outsider`;

const run = async (command: string, args: readonly string[]) => (await promisify(execFile)(command, args)).stdout;

/** Puts it there before the tests of a file, once there is a lab. `lab down` takes it along. */
export function useOutsider(): void {
  beforeAll(() =>
    run("sh", [
      "-euc",
      `ip netns add "$2"
      ip -n "$1" link add port99 type veth peer name eth0 netns "$2"
      ip -n "$1" link set port99 master lab0 up
      ip -n "$2" addr add 198.18.0.99/24 dev eth0
      ip -n "$2" link set eth0 up`,
      "sh",
      String(process.env.LAB_NAME),
      network,
    ]),
  );
}

/** What a command that runs there prints. */
export const atOutsider = (...command: readonly string[]): Promise<string> =>
  run("nsenter", [`--net=/run/netns/${network}`, "--", ...command]);
