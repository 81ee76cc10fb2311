import { hostForgetRefusal } from "../../core/retention/host-guard.ts";
import { planForget, type ForgetPlan } from "../../core/retention/plan.ts";
import type { KeepPolicy, RetentionPlan } from "../../protocol/schedule.ts";
import type { ForgetSpec } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import type { Retained } from "../store/forgets.ts";
import { loadGroup } from "../store/snapshots.ts";

/** What `keep` would remove from a schedule's snapshots now: the one plan that is previewed, judged and sent. */
export async function planNow(db: Database, retained: Retained, keep: KeepPolicy, nowMs: number): Promise<ForgetPlan> {
  const snapshots = await loadGroup(db, retained);
  return planForget({ scheduleId: retained.scheduleId, keep, snapshots, nowMs });
}

/** The job that carries a plan out: exactly its snapshots. */
export function forgetSpec({ repositoryId, scheduleId }: Retained, plan: ForgetPlan): ForgetSpec {
  return { kind: "forget", repositoryId, scheduleId, snapshotIds: plan.removed.map(({ id }) => id) };
}

/** A plan as the console shows it, with what the host's own guard would say of it. */
export function previewOf(retained: Retained, plan: ForgetPlan): RetentionPlan {
  const before = plan.kept.length + plan.removed.length;
  const hostRefusal = retained.policy ? hostForgetRefusal(retained.policy, before, plan.removed.length) : null;
  return {
    ...plan,
    ...(hostRefusal === null ? {} : { hostRefusal }),
    ...(retained.listedAtMs === null ? {} : { listedAtMs: retained.listedAtMs }),
  };
}
