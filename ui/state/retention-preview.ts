import { useEffect, useState } from "preact/hooks";
import type { KeepPolicy, RetentionPlan } from "../../protocol/schedule.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";

/** Typing is over once nothing has changed for so long. */
const SETTLED_MS = 400;

export interface RetentionPreview {
  /** What the rules on show would do; null until the server has said it. The old plan stays while it is asked again. */
  plan: RetentionPlan | null;
  /** Whether the plan belongs to other rules than those on show. */
  stale: boolean;
  failure: ApiFailure | null;
}

/**
 * What `keep` would do to the schedule's snapshots, asked once typing settles; `keep` null while it is not worth it.
 * Another `asOf` says that the snapshots may have changed, so it is asked again.
 */
export function useRetentionPreview(
  hostId: string,
  scheduleId: string | null,
  keep: KeepPolicy | null,
  asOf: string,
): RetentionPreview {
  const key = keep === null || scheduleId === null ? null : JSON.stringify({ keep, asOf });
  const [held, setHeld] = useState<{ key: string; plan: RetentionPlan | null; failure: ApiFailure | null } | null>(
    null,
  );
  useEffect(() => {
    if (key === null) return;
    let gone = false;
    async function ask(): Promise<void> {
      const answer = await api.previewRetention(hostId, scheduleId!, {
        keep: (JSON.parse(key!) as { keep: KeepPolicy }).keep,
      });
      if (gone) return;
      setHeld((old) =>
        answer.ok
          ? { key: key!, plan: answer.value, failure: null }
          : { key: key!, plan: old?.plan ?? null, failure: answer.failure },
      );
    }
    const timer = window.setTimeout(() => void ask(), SETTLED_MS);
    return () => {
      gone = true;
      window.clearTimeout(timer);
    };
  }, [hostId, scheduleId, key]);
  if (key === null) return { plan: null, stale: false, failure: null };
  return { plan: held?.plan ?? null, stale: held?.key !== key, failure: held?.failure ?? null };
}
