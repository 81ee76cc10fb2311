import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { GUARD_COUNT, GUARD_SHARE, GUARD_TIME_MS, MAX_FORGET_IDS } from "../../protocol/limits.ts";
import type { HoldReason, KeepPolicy, RetentionPlan } from "../../protocol/schedule.ts";
import { toBase64url } from "../bytes.ts";
import { evaluateRetention, newestFirst, type DatedSnapshot } from "./evaluate.ts";

/**
 * A snapshot of a schedule's group: of its repository, tagged `rm:schedule:<id>`, with the host name of enrolment.
 * Paths do not matter, so an edited path list starts no second group.
 */
export interface GroupSnapshot extends DatedSnapshot {
  /** The server's clock when it first heard of the snapshot. */
  firstSeenAtMs: number;
  /** An administrator released a plan in view of its time: it is believed from then on. */
  vouched: boolean;
}

/** What a forget would do; the same object is previewed, judged and sent. */
export type ForgetPlan = Pick<RetentionPlan, "fingerprint" | "kept" | "removed" | "held">;

/**
 * Plans one forget of one schedule: kept newest first, removed oldest first and at most MAX_FORGET_IDS. What is left
 * over stays for the next plan, but the guard judges all that the policy drops.
 *
 * @param nowMs The server's clock.
 */
export function planForget(asked: {
  scheduleId: string;
  keep: KeepPolicy;
  snapshots: readonly GroupSnapshot[];
  nowMs: number;
}): ForgetPlan {
  const { scheduleId, keep, snapshots, nowMs } = asked;
  const evaluation = evaluateRetention(keep, snapshots, nowMs);
  const dropped = new Set(evaluation.removed);
  const told = new Set(evaluation.removed.slice(-MAX_FORGET_IDS));
  const reasonsOf = new Map(evaluation.kept.map(({ id, reasons }) => [id, reasons]));

  const plan: ForgetPlan = {
    fingerprint: fingerprintOf(scheduleId, told),
    kept: [],
    removed: [],
    held: judgePlan(snapshots, dropped, nowMs),
  };
  for (const snapshot of newestFirst(snapshots)) {
    const { id, timeMs } = snapshot;
    const odd = hasOddTime(snapshot);
    if (told.has(id)) plan.removed.push({ id, timeMs, odd });
    else plan.kept.push({ id, timeMs, reasons: reasonsOf.get(id) ?? ["left for the next run"], odd });
  }
  plan.removed.reverse();
  return plan;
}

/**
 * The forget guard: why an administrator has to look at a plan before it is carried out. A plan that drops nothing is
 * never held. One snapshot with an odd time anywhere in the group holds every plan, because it shifts what the rules
 * keep: a single date in 2099 takes a place of each rule, and `within` counts from the newest.
 */
export function judgePlan(group: readonly GroupSnapshot[], dropped: ReadonlySet<string>, nowMs: number): HoldReason[] {
  if (dropped.size === 0) return [];
  const reasons: HoldReason[] = [];
  if (dropped.size === group.length) reasons.push("nothing_kept");
  if (dropsTooMany(group, dropped, nowMs)) reasons.push("too_many");
  const newestGood = newestFirst(group.filter((snapshot) => !hasOddTime(snapshot)))[0];
  if (newestGood && dropped.has(newestGood.id)) reasons.push("newest_good");
  if (group.some(hasOddTime)) reasons.push("time_mismatch");
  return reasons;
}

/** Whether the time a snapshot claims lies further from when the server first saw it than is believed. */
export function hasOddTime(snapshot: GroupSnapshot): boolean {
  return !snapshot.vouched && Math.abs(snapshot.timeMs - snapshot.firstSeenAtMs) > GUARD_TIME_MS;
}

/**
 * Too large a share of the group, or more than half of what the server knew a day ago: else a host that reports a
 * flood of new snapshots would make any number of old ones a small share.
 */
function dropsTooMany(group: readonly GroupSnapshot[], dropped: ReadonlySet<string>, nowMs: number): boolean {
  if (dropped.size < GUARD_COUNT) return false;
  if (dropped.size / group.length > GUARD_SHARE) return true;
  const known = group.filter((snapshot) => snapshot.firstSeenAtMs <= nowMs - GUARD_TIME_MS);
  const knownDropped = known.filter((snapshot) => dropped.has(snapshot.id)).length;
  return knownDropped >= GUARD_COUNT && knownDropped > known.length / 2;
}

/** Names an exact set of snapshots of a schedule; empty for none. */
function fingerprintOf(scheduleId: string, ids: ReadonlySet<string>): string {
  if (ids.size === 0) return "";
  return toBase64url(sha256(utf8ToBytes([scheduleId, ...[...ids].sort()].join("\n")))).slice(0, 32);
}
