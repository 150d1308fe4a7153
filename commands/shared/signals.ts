/** Ends a command that only reads when a signal tells it to; what it started on hosts ends with its connections. */
export function endOnSignals(name: string): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      console.error(`${name}: interrupted by ${signal}`);
      // Not the signal's own death: what runs at `exit` removes temporary files.
      process.exit(2);
    });
  }
}
