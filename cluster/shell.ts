/** Words of a shell's command line. */

/** A word that a POSIX shell reads back as exactly `text`. */
export const shellWord = (text: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
