import { decideFire } from "../../core/schedule/due.ts";
import { specOfSchedule } from "../../core/schedule/job-spec.ts";
import { runJobId } from "../../core/schedule/run-id.ts";
import type { JobSpec, WireSchedule } from "../../protocol/wire.ts";
import { isSystemError } from "../disk/atomic-file.ts";
import type { AgentLog } from "../log.ts";
import { firesByItself, type Watermarks } from "./watermarks.ts";

/** No sleep is longer: the host's clock may be set, and the machine may sleep, without a word to anybody. */
const LONGEST_SLEEP_MS = 30_000;

/** A job that a schedule asks for at its time. */
export interface Fire {
  jobId: string;
  spec: JobSpec;
  scheduleId: string;
  nominalMs: number;
  scheduleVersion: number;
  /** Fires before this one that were missed and are not made up for. */
  missed: number;
}

export interface SchedulerOptions {
  hostId: string;
  kept: { readonly version: number; readonly schedules: readonly WireSchedule[] };
  watermarks: Watermarks;
  /** Keeps the job before it returns, or knows it already; `later` when there is no room for it now. */
  fire(fire: Fire): "settled" | "later";
  /** Called at every look at the clock, at least every 30 s. */
  onLook(): void;
  log: AgentLog;
  nowMs(): number;
  /** Runs `task` once, `afterMs` from now; answers how to call it off. */
  after(afterMs: number, task: () => void): () => void;
}

/** Fires the host's schedules by the host's own clock, whether a server is there or not. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  #callOff: (() => void) | null = null;
  #stopped = false;
  /** Schedules whose fire waits for room. */
  readonly #waiting = new Set<string>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Looks at the clock now and from now on; call it again when the set of schedules has changed. */
  look(): void {
    if (this.#stopped) return;
    this.#callOff?.();
    const sleepMs = this.#fireDue();
    this.#callOff = this.#options.after(sleepMs, () => {
      this.#options.onLook();
      this.look();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#callOff?.();
  }

  /** Answers how long nothing can be due. */
  #fireDue(): number {
    const { kept, watermarks, nowMs: now } = this.#options;
    const nowMs = now();
    let moved = watermarks.follow(kept.schedules, nowMs);
    let sleepMs = LONGEST_SLEEP_MS;
    for (const schedule of kept.schedules) {
      if (!firesByItself(schedule)) continue;
      const watermarkMs = watermarks.get(schedule.id) ?? nowMs;
      const due = decideFire(schedule, watermarkMs, nowMs);
      if (due.nextAtMs !== null) sleepMs = Math.min(sleepMs, Math.max(due.nextAtMs - nowMs, 1));
      const missed = watermarks.missed(schedule.id) + due.missed;
      // The job is kept before the watermark: a death in between is caught by the job's id.
      if (due.fireMs !== null && this.#fire(schedule, due.fireMs, missed) === "later") continue;
      if (due.watermarkMs === watermarkMs) continue;
      watermarks.move(schedule.id, due.watermarkMs, due.fireMs === null ? missed : 0);
      moved = true;
    }
    if (moved) this.#keep();
    return sleepMs;
  }

  #fire(schedule: WireSchedule, nominalMs: number, missed: number): "settled" | "later" {
    const { hostId, kept, fire, log } = this.#options;
    const outcome = fire({
      jobId: runJobId(hostId, schedule.id, nominalMs),
      spec: specOfSchedule(schedule),
      scheduleId: schedule.id,
      nominalMs,
      scheduleVersion: kept.version,
      missed,
    });
    if (outcome === "settled") this.#waiting.delete(schedule.id);
    else if (!this.#waiting.has(schedule.id)) {
      this.#waiting.add(schedule.id);
      log.warn(`schedule ${schedule.id} waits: the server has not taken over enough of the jobs before it`);
    }
    return outcome;
  }

  #keep(): void {
    try {
      this.#options.watermarks.keep();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#options.log.warn(`the times of the last fires cannot be kept: ${error.message}`);
    }
  }
}
