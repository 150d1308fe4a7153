/** Where on the hosts a secret can be found that only root, or one service, is to know. */
import { atConsole, type Host, hosts } from "./lab.js";

const canary = "what-everybody-may-find";

/** Where the search plants a word of its own, so that one which finds nothing else is known to search. */
const planted = [
  "canary in /etc/canary",
  "canary in /tmp/canary",
  "canary in the arguments of perl",
  "canary in the environment of perl",
  "canary in the journal",
];

/**
 * Looks for secrets, by their names, on every host: in files that others than root can read, in the arguments and
 * environments of all processes, and in the journal.
 *
 * @return what is found, by host: `NAME in PLACE`
 */
export async function findable(secrets: Readonly<Record<string, string>>): Promise<Record<string, string[]>> {
  const words = Object.entries({ canary, ...secrets });
  const search = async (one: Host): Promise<string[]> => {
    const output = await atConsole(one, script(words.map(([, word]) => word)));
    const found = output
      .trim()
      .split("\n")
      .map((line) => line.replace(/^\S+/, (word) => words.find(([, known]) => known === word)?.[0] ?? word));
    const missed = planted.filter((place) => !found.includes(place));
    if (missed.length > 0) {
      throw new Error(`the search on ${one.name} has not found ${missed.join(", ")}`);
    }
    return found.filter((place) => !planted.includes(place));
  };
  return Object.fromEntries(await Promise.all(hosts().map(async (one) => [one.name, await search(one)] as const)));
}

/** The words go by standard input, as the script does. A container's own files are for root alone, as the engine has them. */
const script = (words: readonly string[]) => `
cd /
mkdir -m 700 /run/search
cat >/run/search/words <<'END'
${words.join("\n")}
END
chown -R nobody: /run/search
echo ${canary} | tee /etc/canary /tmp/canary | systemd-cat
journalctl --sync
CANARY=${canary} perl -e '$| = 1; print "here\\n"; sleep 600' ${canary} >/run/search/started &
perl=$!
trap 'kill $perl; rm -rf /run/search /etc/canary /tmp/canary' EXIT
until [ -s /run/search/started ]; do :; done

# FILE:WORD, a line each
hits() { xargs -0 grep -aoFHs -f /run/search/words | sort -u || true; }
setpriv --reuid nobody --regid nogroup --clear-groups \\
  find /etc /var /run /tmp /root /home /opt /srv /usr/local /dev/shm -path /run/search -prune -o -type f -readable -print0 2>/dev/null |
  hits | sed 's/^\\(.*\\):\\(.*\\)$/\\2 in \\1/'
{ find /proc -mindepth 2 -maxdepth 2 '(' -name cmdline -o -name environ ')' -print0 2>/dev/null || true; } | hits | while IFS=: read -r file word; do
  case $file in */cmdline) what=arguments ;; *) what=environment ;; esac
  # One that has ended since.
  program=$(cat "\${file%/*}/comm" 2>/dev/null) || continue
  echo "$word in the $what of $program"
done | sort -u
journalctl -q -o cat | grep -aoF -f /run/search/words | sort -u | sed 's/$/ in the journal/'
`;
