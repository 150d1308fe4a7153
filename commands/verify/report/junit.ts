/** The result as JUnit XML, the form in which CI systems show tests: a suite for each host, a case for each check. */
import type { VerifyJson } from "./json.js";
import { text } from "./markup.js";

type Verdict = VerifyJson["checks"][number];

export function verifyJunit({ cluster, time, seconds, hosts, checks }: VerifyJson): string {
  // A stranger's address is a host here too.
  const names = [...new Set([...hosts.map(({ name }) => name), ...checks.map(({ host }) => host)])];
  const suites = names.map((name) => {
    const own = checks.filter(({ host }) => host === name);
    const attributes = `name="${attribute(name)}" timestamp="${time}" ${countsOf(own)}`;
    return `  <testsuite ${attributes}>\n${own.map(testcase).join("")}  </testsuite>\n`;
  });
  const attributes = `name="${attribute(cluster)}" time="${seconds}" ${countsOf(checks)}`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${attributes}>\n${suites.join("")}</testsuites>\n`;
}

function countsOf(checks: readonly Verdict[]): string {
  const count = (...wanted: readonly Verdict["status"][]) =>
    checks.filter(({ status }) => wanted.includes(status)).length;
  return `tests="${checks.length}" failures="${count("failed")}" errors="0" skipped="${count("follows", "unknown")}"`;
}

/** What another failure explains, and what could not be tested, are no failures of their own: a person fixes one thing. */
function testcase({ host, check, status, found, needed, fix, because }: Verdict): string {
  const head = `    <testcase classname="${attribute(host)}" name="${attribute(check)}"`;
  if (status === "ok") {
    return `${head}/>\n`;
  }
  const lines = [
    `found: ${found}`,
    ...(needed === undefined ? [] : [`needs: ${needed}`]),
    ...(fix === undefined ? [] : [`fix: ${fix}`]),
  ];
  if (status === "failed") {
    return `${head}>\n      <failure message="${attribute(found)}">${content(lines.join("\n"))}</failure>\n    </testcase>\n`;
  }
  const reason = because === undefined ? found : `${found} (${because})`;
  return `${head}>\n      <skipped message="${attribute(reason)}"/>\n    </testcase>\n`;
}

/** What XML cannot hold, even escaped: hosts' output has colours and worse. */
const printable = (raw: string) => raw.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd");
const content = (raw: string) => text(printable(raw));
const attribute = (raw: string) => content(raw).replace(/\s/g, " ");
