import type { HostDetail } from "../../protocol/api.ts";
import type { RetentionPlan } from "../../protocol/schedule.ts";
import { now } from "../state/clock.ts";
import type { RetentionPreview } from "../state/retention-preview.ts";
import { KEEP_COUNTS, type ScheduleDraft } from "../state/schedule-draft.ts";
import type { ScheduleForm } from "../state/schedule-form.ts";
import { may } from "../state/session.ts";
import { HOLD_WORDS } from "../words/hold.ts";
import { countOf, countText } from "../words/size.ts";
import { dateText } from "../words/time.ts";
import { commandText } from "./command-text.ts";
import { Field, FieldNote, SelectField, Switch, Tick } from "./field.ts";
import { html } from "./html.ts";
import { failureNotice, notice } from "./notice.ts";
import { nothingForgets } from "./schedule-care.ts";
import { RetentionLanes } from "./retention-lanes.ts";
import { Ago } from "./time.ts";

const ODD_KEY = html`<span title="It claims a time more than 24 h from when the server first saw it"
  ><svg viewBox="0 0 10 14" aria-hidden="true"><circle cx="5" cy="7" r="4.5" fill="var(--warn-mark)" /></svg>Kept, odd
  time</span
>`;

const COUNT_WORDS = {
  last: "Last",
  hourly: "Hourly",
  daily: "Daily",
  weekly: "Weekly",
  monthly: "Monthly",
  yearly: "Yearly",
} as const;

/** Which snapshots stay, and what that does to those there are. `confirmed` = the fingerprint an admin lets through. */
export function KeepCard(props: {
  form: ScheduleForm;
  detail: HostDetail;
  isNew: boolean;
  preview: RetentionPreview;
  confirmed: string | null;
  confirm: (fingerprint: string | null) => void;
}) {
  const { form } = props;
  const { draft, set } = form;
  const field = (name: (typeof KEEP_COUNTS)[number] | "within" | "keepTags") => ({
    value: draft[name],
    error: form.error(name),
    onBlur: form.left(name),
    onInput: (value: string) => set({ [name]: value }),
  });
  const together = form.error("keep");
  return html`<section class="card" aria-labelledby="keep">
    <div class="chead wrap">
      <h2 id="keep">Keep</h2>
      <span class="fs12 dim"
        ><${Switch} checked=${!draft.retains} onChange=${(all: boolean) => set({ retains: !all })}
          >Keep every snapshot<//
        ></span
      >
    </div>
    ${
      draft.retains
        ? html`<div class="pad stack">
            <div class="cols cols-counts">
              ${KEEP_COUNTS.map((rule) => html`<${Field} key=${rule} label=${COUNT_WORDS[rule]} placeholder="none" optional=${undefined} errorId="keep-counts" ...${field(rule)} />`)}
            </div>
            <${FieldNote}
              id="keep-counts"
              hint="How many to keep of each; empty leaves the rule out."
              error=${countsError(form)}
            />
            <div class="cols cols-2">
              <${Field}
                label="All within"
                optional
                mono
                ...${field("within")}
                hint="Such as 30d, 36h or 1y6m, before the newest snapshot."
              />
              <${Field} label="All tagged" optional ...${field("keepTags")} hint="Separate with commas." />
            </div>
            ${together === undefined ? null : notice("bad", html`<span>${together}</span>`, "alert")}
            <${SelectField}
              label="Applied"
              value=${draft.retentionWhen}
              options=${[
                ["after_backup", "After each backup"],
                ["forget_schedule", "When a forget schedule of this repository runs"],
              ]}
              onChange=${(when: string) => set({ retentionWhen: when as ScheduleDraft["retentionWhen"] })}
              hint="The server starts it, so it waits while the server or the host is away. Days are UTC days."
            />
            ${nothingForgets(props.detail, draft)}
            <${Preview} ...${props} />
          </div>`
        : html`<p class="pad fs13 dim">No snapshot of this schedule is ever forgotten.</p>`
    }
  </section>`;
}

/** What is wrong with the counts, each fault once with the fields that have it. */
function countsError(form: ScheduleForm): string | undefined {
  const named = new Map<string, string[]>();
  for (const rule of KEEP_COUNTS) {
    const error = form.error(rule);
    if (error !== undefined) named.set(error, [...(named.get(error) ?? []), COUNT_WORDS[rule]]);
  }
  if (named.size === 0) return undefined;
  return [...named].map(([error, words]) => `${words.join(", ")}: ${error}`).join("\n");
}

function Preview(props: Parameters<typeof KeepCard>[0]) {
  const { plan, stale, failure } = props.preview;
  if (props.isNew) return html`<p class="fs13 dim">It has no snapshots yet, so these rules drop nothing.</p>`;
  if (failure !== null && !stale) return failureNotice(failure);
  if (plan === null && !stale)
    return html`<p class="fs13 faint">What these rules would drop shows once they can be read.</p>`;
  if (plan === null) return html`<p class="fs13 faint" role="status">Reckoning what these rules would drop</p>`;
  const all = plan.kept.length + plan.removed.length;
  if (all === 0) return html`<p class="fs13 dim">It has no snapshots yet, so these rules drop nothing.</p>`;
  return html`<div class=${`stack ${stale ? "stale" : ""}`} aria-busy=${stale}>
    <${RetentionLanes} plan=${plan} />
    <div class="row between wrap">
      <p class="fs13" role="status">
        <b class="semi">${keepsText(plan.kept.length, all)}</b>${backTo(plan)}.${" "}
        ${plan.listedAtMs === undefined ? html`<span class="faint">Its repository was never listed: only what its backups told is known.</span>` : html`<span class="faint">Listed <${Ago} at=${plan.listedAtMs} />.</span>`}
      </p>
      <span class="legend"
        ><span
          ><svg viewBox="0 0 10 14" aria-hidden="true"><circle cx="5" cy="7" r="4.5" fill="var(--run-mark)" /></svg
          >Kept</span
        >${plan.kept.some(({ odd }) => odd) ? ODD_KEY : null}<span
          ><svg viewBox="0 0 10 14" aria-hidden="true">
            <path d="M5 3v8" stroke="var(--idle-mark)" stroke-width="1.5" /></svg
          >Dropped</span
        ></span
      >
    </div>
    ${plan.removed.length === 0 ? null : html`<${Dropped} ...${props} plan=${plan} />`}
  </div>`;
}

function keepsText(kept: number, all: number): string {
  if (kept < all) return `Keeps ${countText(kept)} of ${countOf(all, "snapshot")}`;
  return all === 1 ? "Keeps its only snapshot" : `Keeps all ${countOf(all, "snapshot")}`;
}

function backTo(plan: RetentionPlan): string {
  const oldest = plan.kept.at(-1);
  return oldest === undefined ? "" : `, back to ${dateText(oldest.timeMs, now.peek())}`;
}

function Dropped(props: Parameters<typeof KeepCard>[0] & { plan: RetentionPlan }) {
  const { plan, form } = props;
  const when = form.draft.retentionWhen === "after_backup" ? "The next run drops" : "The next forget run drops";
  const what = countOf(plan.removed.length, "snapshot");
  const isConfirmed = props.confirmed === plan.fingerprint;
  return html`${notice(
    plan.held.length > 0 ? "warn" : "info",
    html`<b>${when} ${what}${plan.held.length > 0 ? ", but not by itself" : ""}.</b> ${
        plan.held.length === 0
          ? html`<span>${plan.removed.length === 1 ? "Its" : "Their"} data stays until a prune.</span>`
          : html`<span>The guard holds this plan until an admin releases it:</span>
              <ul>
                ${plan.held.map((reason) => html`<li>${HOLD_WORDS[reason]}</li>`)}
              </ul>`
      }
      ${
        plan.held.length > 0 && plan.hostRefusal === undefined && may("job.release")
          ? html`<${Tick}
              checked=${isConfirmed}
              onChange=${(on: boolean) => props.confirm(on ? plan.fingerprint : null)}
              >Carry out exactly this plan once, when I save: forget these ${what}<//
            >`
          : null
      }`,
  )}
  ${
    plan.hostRefusal === undefined
      ? null
      : notice(
          "bad",
          html`<b>The host would refuse it, and no release here changes that.</b> ${commandText(plan.hostRefusal)}`,
        )
  }`;
}
