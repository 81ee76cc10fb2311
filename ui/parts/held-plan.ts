import { useState } from "preact/hooks";
import type { JobResource } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { may } from "../state/session.ts";
import { loadHeldPlan } from "../state/held-plan.ts";
import type { ApiFailure } from "../net/api.ts";
import { BusyButton } from "./button.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { loaded, skeletonLines, useLoad } from "./load.ts";
import { failureNotice } from "./notice.ts";
import { heldNotice, planView } from "./plan-view.ts";
import { ReleaseDialog } from "./release-dialog.ts";

/** A forget that the guard stopped: why, what it would do, and who may let it go or drop it. */
export function HeldPlan({ job, reload }: { job: JobResource; reload: () => Promise<void> }) {
  const plan = useLoad(`${job.id} ${job.held?.fingerprint}`, () => loadHeldPlan(job));
  const [releasing, setReleasing] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  async function discard(): Promise<void> {
    const answer = await api.cancelJob(job.id);
    if (!answer.ok) setFailure(answer.failure);
    await reload();
  }
  return html`<section class="card" aria-labelledby="plan">
    <div class="chead">
      <h2 id="plan">The plan</h2>
      <div class="row">
        ${may("job.cancel") ? html`<${BusyButton} kind="sm" onPress=${discard}>Discard plan<//>` : null}
        ${
          may("job.release")
            ? html`<button type="button" class="btn sm accent" onClick=${() => setReleasing(true)}>
                ${icon("play", "i-sm")}Release…
              </button>`
            : html`<button type="button" class="btn sm" disabled title="Only an admin releases a held plan.">
                Release…
              </button>`
        }
      </div>
    </div>
    <div class="pad stack stack-3">
      ${failure === null ? null : failureNotice(failure)}
      ${job.held === undefined ? null : heldNotice(job.held.reasons)}
      ${loaded(plan, (value) => planView({ ...value, held: [] }), skeletonLines(4))}
      <p class="fs12 faint">A discarded plan is made anew the next time the rules are applied.</p>
    </div>
    ${
      releasing
        ? html`<${ReleaseDialog}
            job=${job}
            onClose=${() => {
              setReleasing(false);
              void reload();
            }}
          />`
        : null
    }
  </section>`;
}
