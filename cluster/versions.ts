/** The order of versions. */

/** Compares dotted numbers piece by piece; whatever follows the numbers (`+dfsg1`, `-rc1`) does not count. */
export function compareVersions(a: string, b: string): number {
  const numbers = (text: string) => (/^[\d.]*/.exec(text)?.[0] ?? "").split(".").map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}
