import type { Snapshot } from "../../../protocol/wire.ts";
import { formatCount } from "../../restic/amounts.ts";
import { listedRecords, parseSnapshots, snapshotsArgv } from "../../restic/snapshots.ts";
import { failedRun, type ResticSession, type Verdict } from "../session.ts";

/** What the repository lists, oldest first, and when the listing began. */
export interface Listing {
  snapshots: Snapshot[];
  atMs: number;
}

/** A fresh listing of the whole repository; else the verdict of a job that cannot go on, null when it was stopped. */
export async function listRepository(session: ResticSession): Promise<Listing | { verdict: Verdict | null }> {
  session.phase("list");
  const atMs = session.nowMs();
  const run = await session.run(snapshotsArgv(), { document: true });
  const snapshots = run.failure ? null : parseSnapshots(run.exit.document);
  if (snapshots) return { snapshots, atMs };
  return { verdict: session.stopped ? null : failedRun(run, "restic.no_summary") };
}

/** Tells the server which snapshots there are, so that those it has beyond them leave. */
export function recordIds(session: ResticSession, repositoryId: string, listing: Listing): void {
  session.record(listedRecords(repositoryId, listing.snapshots, listing.atMs));
}

/** Lists every snapshot for the server. */
export async function listSnapshots(repositoryId: string, session: ResticSession): Promise<Verdict | null> {
  const listing = await listRepository(session);
  if ("verdict" in listing) return listing.verdict;
  const { snapshots } = listing;
  const atMs = session.nowMs();
  session.record(snapshots.map((snapshot) => ({ type: "snapshot", atMs, repositoryId, snapshot })));
  recordIds(session, repositoryId, listing);
  session.say("agent", `The repository lists ${formatCount(snapshots.length, "snapshot")}`);
  return { outcome: "succeeded" };
}
