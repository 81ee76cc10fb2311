const PERIOD_MS = 60_000;
/** Whoever waited for the server to start is answered first. */
const FIRST_AFTER_MS = 1_000;

/** Runs `work` soon and then once a minute, never twice at once. The returned function ends it and waits for the last run. */
export function everyMinute(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  const run = () => {
    running ??= work().finally(() => {
      running = null;
    });
  };
  const first = setTimeout(run, FIRST_AFTER_MS);
  const timer = setInterval(run, PERIOD_MS);
  return async () => {
    clearTimeout(first);
    clearInterval(timer);
    await running;
  };
}
