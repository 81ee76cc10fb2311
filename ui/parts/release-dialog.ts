import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { JobResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { loadHeldPlan } from "../state/held-plan.ts";
import { literal } from "../words/literal.ts";
import { countOf } from "../words/size.ts";
import { BusyButton } from "./button.ts";
import { Dialog } from "./dialog.ts";
import { html } from "./html.ts";
import { loaded, skeletonLines, useLoad } from "./load.ts";
import { failureNotice, notice } from "./notice.ts";
import { planView } from "./plan-view.ts";

/** Shows the plan of a held forget and lets an administrator release exactly that. */
export function ReleaseDialog({ job, onClose }: { job: JobResource; onClose: () => void }) {
  const { route } = useLocation();
  const plan = useLoad(job.id, () => loadHeldPlan(job));
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const shown = plan.value;
  // The job may have been held for an older plan: what is released is what is shown, and the server compares.
  const moved = shown !== null && job.held !== undefined && shown.fingerprint !== job.held.fingerprint;
  async function release(): Promise<void> {
    const answer = await api.releaseJob(job.id, shown!.fingerprint);
    if (!answer.ok) {
      setFailure(answer.failure);
      return plan.reload();
    }
    onClose();
    route(`/jobs/${job.id}`);
  }
  return html`<${Dialog}
    title=${`Release this forget on ${literal(job.hostName)}?`}
    onClose=${onClose}
    actions=${html`<button type="button" class="btn" autofocus onClick=${onClose}>Keep it held</button>
      <${BusyButton}
        kind="danger-solid"
        because=${shown === null ? "The plan is being read." : shown.removed.length === 0 ? "Nothing would go." : undefined}
        onPress=${release}
        >Forget ${shown === null ? "snapshots" : countOf(shown.removed.length, "snapshot")}<//
      >`}
  >
    ${failure === null ? null : failureNotice(failure)}
    ${moved ? notice("info", "The plan has changed since it was held. This is what would happen now.") : null}
    ${loaded(plan, planView, skeletonLines(4))}
  <//>`;
}
