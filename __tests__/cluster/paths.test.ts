/** Where paths of the cluster file lead. */
import { homedir } from "node:os";
import { expect, test } from "vitest";
import { relativeTo, resolveWritten } from "../../cluster/paths.js";

test.each([
  ["keys/id", "/srv/cluster/keys/id"],
  ["../id", "/srv/id"],
  ["/etc/id", "/etc/id"],
  ["~/.ssh/id", `${homedir()}/.ssh/id`],
  ["~", homedir()],
  ["~id", "/srv/cluster/~id"],
])("%s leads to %s", (written, path) => {
  expect(resolveWritten("/srv/cluster", written)).toBe(path);
});

test.each([
  ["keys/id", "../../keys/id"],
  ["/etc/id", "/etc/id"],
  ["~/.ssh/id", "~/.ssh/id"],
  ["~id", "../../~id"],
])("%s as seen from another folder is %s", (written, path) => {
  expect(relativeTo("/srv/cluster/cdktf.out/stacks", "/srv/cluster")(written)).toBe(path);
});
