const works: (() => void)[] = [];

/** Runs `work` (synchronous) when this process ends, also when vitest ends its workers, which it does by SIGTERM. */
export function atExit(work: () => void): void {
  works.push(work);
}

process.on("exit", () => {
  for (const work of works.toReversed()) work();
});
process.on("SIGTERM", () => process.exit(143));
