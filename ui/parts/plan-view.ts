import type { RetentionPlan } from "../../protocol/schedule.ts";
import { HOLD_WORDS } from "../words/hold.ts";
import { countOf, countText } from "../words/size.ts";
import { absoluteText } from "../words/time.ts";
import { commandText } from "./command-text.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { notice } from "./notice.ts";
import { Ago } from "./time.ts";

/** What a forget would do: which snapshots go, which stay and why, and who would stop it. */
export function planView(plan: RetentionPlan) {
  const all = plan.removed.length + plan.kept.length;
  return html`<div class="stack stack-3">
    ${
      plan.removed.length === 0
        ? notice("ok", html`<b>Nothing would go.</b> <span>The rules keep all ${countOf(all, "snapshot")}.</span>`)
        : html`<p class="fs13">
            <b class="semi">${countText(plan.removed.length)} of ${countOf(all, "snapshot")}</b> would
            go${`, ${countText(plan.kept.length)} stay`}. ${plan.removed.length === 1 ? "Its" : "Their"} data is freed
            by the next prune.
          </p>`
    }
    ${plan.held.length > 0 ? heldNotice(plan.held) : null}
    ${plan.hostRefusal === undefined ? null : notice("bad", html`<b>The host would refuse.</b> ${commandText(plan.hostRefusal)}`)}
    ${
      plan.removed.length === 0
        ? null
        : html`<div>
            <h3>Would go</h3>
            <ul class="plan fs13" tabindex="0" aria-label="Snapshots that would go">
              ${plan.removed.map((snapshot) => planLine(snapshot, ""))}
            </ul>
          </div>`
    }
    <details>
      <summary class="fs13 dim">Stay: ${countText(plan.kept.length)}, each with the rule that keeps it</summary>
      <ul class="plan fs13" tabindex="0" aria-label="Snapshots that stay">
        ${plan.kept.map((snapshot) => planLine(snapshot, snapshot.reasons.join(", ")))}
      </ul>
    </details>
    <p class="fs12 faint">
      Days and months are those of UTC.${" "}
      ${plan.listedAtMs === undefined ? "From what the backups told; the repository was not listed yet." : html`From the repository's list, read <${Ago} at=${plan.listedAtMs} />.`}
    </p>
  </div>`;
}

/** Why the guard stops a plan, and who can let it go. */
export function heldNotice(reasons: RetentionPlan["held"]) {
  return notice(
    "warn",
    html`<b>The guard holds this plan.</b>
      ${reasons.map((reason) => html`<span>${HOLD_WORDS[reason]}</span>`)}
      <span>Nothing is removed until an admin releases it.</span>`,
  );
}

function planLine(snapshot: { id: string; timeMs: number; odd: boolean }, reason: string) {
  return html`<li key=${snapshot.id}>
    <span class="mono">${snapshot.id.slice(0, 8)}</span>
    <span>${absoluteText(snapshot.timeMs).slice(0, 16)}</span>
    <span class="faint"
      >${snapshot.odd ? html`<span class="t-warn">${icon("late", "i-sm")} odd time</span>` : reason}</span
    >
  </li>`;
}
