const PERIOD_MS = 60_000;

/** Runs `work` now and then once a minute, never twice at once. The returned function ends it and waits for the last run. */
export function everyMinute(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  const run = () => {
    running ??= work().finally(() => {
      running = null;
    });
  };
  run();
  const timer = setInterval(run, PERIOD_MS);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
