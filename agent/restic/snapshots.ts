import type { JobRecord, Snapshot } from "../../protocol/wire.ts";
import { clipText } from "./clean-text.ts";
import { summaryOf } from "./summary.ts";

/** Without a lock: reading needs none, and an exclusive lock of another program would refuse it. */
export function snapshotsArgv(ids: readonly string[] = []): string[] {
  return ["snapshots", "--json", "--no-lock", ...(ids.length > 0 ? ["--", ...ids] : [])];
}

/** A snapshot of a hundred thousand paths would fill a frame; its first ones tell what it is. */
const MAX_LIST_BYTES = 48 * 1024;
const MAX_LIST_ITEMS = 1000;

/** The document `snapshots --json` prints, oldest first; null when it is none. Snapshots without a usable id are left out. */
export function parseSnapshots(document: string): Snapshot[] | null {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch {
    return null;
  }
  if (value === null) return [];
  if (!Array.isArray(value)) return null;
  return value.flatMap((item: unknown) => toSnapshot(item) ?? []).sort((a, b) => a.timeMs - b.timeMs);
}

function toSnapshot(item: unknown): Snapshot | null {
  if (typeof item !== "object" || item === null) return null;
  const raw = item as Record<string, unknown>;
  const { id, time, hostname, username, parent, summary } = raw;
  const timeMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (typeof id !== "string" || !HEX_64.test(id) || !(timeMs >= 0)) return null;
  return {
    id,
    timeMs,
    hostname: typeof hostname === "string" ? clipText(hostname) : "",
    ...(typeof username === "string" ? { username: clipText(username) } : {}),
    paths: shortList(raw["paths"]),
    tags: shortList(raw["tags"]),
    ...(typeof parent === "string" && HEX_64.test(parent) ? { parent } : {}),
    ...(typeof summary === "object" && summary !== null
      ? { summary: summaryOf(summary as Record<string, unknown>, id) }
      : {}),
  };
}

const HEX_64 = /^[0-9a-f]{64}$/;

function shortList(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const list: string[] = [];
  let bytes = 0;
  for (const item of value) {
    if (typeof item !== "string") continue;
    const text = clipText(item);
    // As it travels: JSON writes a control character in six bytes.
    bytes += Buffer.byteLength(JSON.stringify(text));
    if (bytes > MAX_LIST_BYTES || list.length >= MAX_LIST_ITEMS) break;
    list.push(text);
  }
  return list;
}

/** Ids in one `listed` record: well below the frame's limit. */
const IDS_PER_RECORD = 1000;

/**
 * Says which snapshots there are, in ranges of time that leave no gap from 0 to `listedAtMs`, when the listing began.
 * Snapshots of the same millisecond share a range.
 */
export function listedRecords(
  repositoryId: string,
  snapshots: readonly Snapshot[],
  listedAtMs: number,
): Extract<JobRecord, { type: "listed" }>[] {
  const records: Extract<JobRecord, { type: "listed" }>[] = [];
  let fromMs = 0;
  let ids: string[] = [];
  const close = (toMs: number) => {
    records.push({ type: "listed", atMs: listedAtMs, repositoryId, fromMs, toMs, ids });
    fromMs = toMs + 1;
    ids = [];
  };
  for (const [i, snapshot] of snapshots.entries()) {
    const before = snapshots[i - 1];
    if (before && ids.length >= IDS_PER_RECORD && snapshot.timeMs > before.timeMs) close(before.timeMs);
    ids.push(snapshot.id);
  }
  close(Math.max(listedAtMs, snapshots.at(-1)?.timeMs ?? 0));
  return records;
}
