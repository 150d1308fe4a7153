/** Listens to what passes between the lab's hosts, as somebody could who is in their network. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// All packets of all interfaces, in the network that joins the hosts.
const program = `
  socket(my $all, 17, 3, 0x0300) or die $!;
  $| = 1;
  print "listens\\n";
  while (defined recv($all, my $packet, 65535, 0)) {
    for (@ARGV) { print "$_\\n" if index($packet, $_) >= 0 }
  }
`;

export interface Sniffer {
  /** The words that have passed so far. */
  readonly heard: ReadonlySet<string>;
  readonly end: () => void;
}

export async function listenFor(...words: readonly string[]): Promise<Sniffer> {
  const listener = spawn("nsenter", [`--net=/run/netns/${process.env.LAB_NAME}`, "perl", "-e", program, ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const heard = new Set<string>();
  await new Promise<void>((resolve, reject) => {
    listener.once("exit", (status) => reject(new Error(`the sniffer ended with ${status}`)));
    createInterface(listener.stdout).on("line", (line) => {
      heard.add(line);
      resolve();
    });
  });
  return { heard, end: () => listener.kill() };
}
