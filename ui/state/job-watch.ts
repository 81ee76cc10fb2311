import { batch, signal, type Signal } from "@preact/signals";
import { BROWSER_SEEN_EVERY_BYTES } from "../../protocol/limits.ts";
import { TERMINAL_STATES, type JobState, type JobStreamMessage } from "../../protocol/stream.ts";
import type { JobRecord, Progress } from "../../protocol/wire.ts";
import { openStream, type Link } from "../net/stream.ts";
import { NO_FACTS, stepFacts, type JobFacts } from "./job-facts.ts";
import { addLines, emptyLog, logLines, trimmedLine, type LogLine, type LogWindow } from "./log-lines.ts";
import { stepRate, type Rate } from "./rate.ts";

/** A job as its stream tells it: replayed from the start, then live, once per animation frame. */
export interface JobWatch {
  live: Signal<{ state: JobState; cancelAsked: boolean; agentSilentSinceMs: number | null } | null>;
  facts: Signal<JobFacts>;
  progress: Signal<Progress | null>;
  rate: Signal<Rate | null>;
  link: Signal<Link>;
  /** True once everything the server has is here. */
  caughtUp: Signal<boolean>;
  log: LogWindow;
  /** Hears the lines of each frame, after they are in `log`; answers how to stop. */
  onLines(hear: (lines: readonly LogLine[]) => void): () => void;
  close(): void;
}

export function watchJob(jobId: string): JobWatch {
  const watch = {
    live: signal<{ state: JobState; cancelAsked: boolean; agentSilentSinceMs: number | null } | null>(null),
    facts: signal<JobFacts>(NO_FACTS),
    progress: signal<Progress | null>(null),
    rate: signal<Rate | null>(null),
    link: signal<Link>({ state: "connecting" }),
    caughtUp: signal(false),
    log: emptyLog(),
  };
  const listeners = new Set<(lines: readonly LogLine[]) => void>();
  /** Last seq received: the cursor of the next connection. */
  let lastSeq = 0;
  let ackedSeq = 0;
  let unseenBytes = 0;
  let waiting: JobStreamMessage[] = [];
  let booked = 0;

  const stream = openStream({
    path: () => `/ws/jobs/${encodeURIComponent(jobId)}?after=${lastSeq}`,
    onLink: (link) => {
      watch.link.value = link;
    },
    onFrame(frame) {
      unseenBytes += frame.length;
      const message = fresh(JSON.parse(frame) as JobStreamMessage);
      if (message) waiting.push(message);
      if (booked === 0) booked = requestAnimationFrame(flush);
    },
  });

  /** Records already here are cut off: after a lost connection the server may go back to what was last seen. */
  function fresh(message: JobStreamMessage): JobStreamMessage | null {
    if (message.type !== "records") return message;
    const known = Math.max(0, lastSeq + 1 - message.first);
    if (known >= message.records.length) return null;
    lastSeq = message.first + message.records.length - 1;
    return { type: "records", first: message.first + known, records: message.records.slice(known) };
  }

  function flush(): void {
    booked = 0;
    const messages = waiting;
    waiting = [];
    const lines: LogLine[] = [];
    batch(() => {
      for (const message of messages) apply(message, lines);
      watch.caughtUp.value = watch.live.value !== null && lastSeq >= ackedSeq;
    });
    if (lines.length > 0) {
      addLines(watch.log, lines);
      for (const hear of listeners) hear(lines);
    }
    if (unseenBytes >= BROWSER_SEEN_EVERY_BYTES) {
      unseenBytes = 0;
      stream.send({ type: "seen", seq: lastSeq });
    }
    // A job that has ended and is here whole has nothing more to say.
    const state = watch.live.peek()?.state;
    if (state !== undefined && TERMINAL_STATES.has(state) && watch.caughtUp.peek()) stream.close();
  }

  function apply(message: JobStreamMessage, lines: LogLine[]): void {
    switch (message.type) {
      case "state":
        ackedSeq = message.ackedSeq;
        watch.live.value = {
          state: message.state,
          cancelAsked: message.cancelAsked,
          agentSilentSinceMs: message.agentSilentSinceMs ?? null,
        };
        return;
      case "trimmed":
        lines.push(trimmedLine());
        return;
      case "progress":
        watch.progress.value = message.progress;
        watch.rate.value = stepRate(watch.rate.peek(), message.progress.bytes, message.atMs);
        return;
      case "records":
        watch.facts.value = message.records.reduce(
          (facts: JobFacts, r: JobRecord) => stepFacts(facts, r),
          watch.facts.peek(),
        );
        for (const line of logLines(message.first, message.records)) lines.push(line);
    }
  }

  return {
    ...watch,
    onLines(hear) {
      listeners.add(hear);
      return () => listeners.delete(hear);
    },
    close() {
      stream.close();
      cancelAnimationFrame(booked);
    },
  };
}
