import type { JobResource } from "../../protocol/api.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { JobState } from "../../protocol/stream.ts";
import { now } from "../state/clock.ts";
import { activeJobs } from "../state/fleet.ts";
import type { JobWatch } from "../state/job-watch.ts";
import { literal } from "../words/literal.ts";
import { countOf } from "../words/size.ts";
import { JOB_KIND } from "../words/status.ts";
import { durationText, whenText } from "../words/time.ts";
import { html } from "./html.ts";
import { failureNotice, notice } from "./notice.ts";
import { Ago } from "./time.ts";

/** The verdict of a job from whichever of stream and row knows more. */
export interface JobVerdict {
  state: JobState;
  ended: boolean;
  failure: Failure | undefined;
  lastError: string | undefined;
  warnings: number;
}

/** What to know about a job before reading its log. `silent` = its agent has not been heard for a while. */
export function JobNotices(props: { job: JobResource; verdict: JobVerdict; watch: JobWatch; silent: boolean }) {
  const { job } = props;
  return html`${stateNotice(props)}
  ${
    job.missed > 0
      ? notice(
          "info",
          html`<span
            >${countOf(job.missed, "earlier run")} of this schedule ${job.missed === 1 ? "was" : "were"} missed while
            the host or its agent was off, and are not run one by one.</span
          >`,
        )
      : null
  }
  ${
    job.held !== undefined && job.releasedBy !== undefined
      ? notice("info", html`<span><b>Released by ${literal(job.releasedBy)}.</b> The guard had held this plan.</span>`)
      : null
  }`;
}

function stateNotice({ job, verdict, watch, silent }: Parameters<typeof JobNotices>[0]) {
  switch (verdict.state) {
    case "held":
      return null;
    case "failed":
      return failed(verdict);
    case "cancelled":
      return cancelled(job, verdict);
    case "succeeded":
      return verdict.warnings > 0 ? warned(job, verdict) : null;
    case "unknown":
      return notice(
        "warn",
        html`<b>Nobody knows how this job stands.</b>
          <span
            >The host has been silent for more than ten minutes. A job goes on without the server; the agent's report
            settles it when the host is back.</span
          >`,
        "status",
      );
    case "queued":
      return silent ? html`<${Silence} watch=${watch} />` : html`<${Queued} job=${job} />`;
    case "running":
      return silent ? html`<${Silence} watch=${watch} />` : html`<${WaitsForLock} watch=${watch} />`;
  }
}

const lastWords = (verdict: JobVerdict) =>
  verdict.lastError ? html`<code class="last-error text-literal">${literal(verdict.lastError)}</code>` : null;

function failed(verdict: JobVerdict) {
  return verdict.failure
    ? failureNotice(verdict.failure, { lastWords: lastWords(verdict) })
    : notice("bad", html`<b>The job failed.</b>${lastWords(verdict)}`, "alert");
}

function cancelled(job: JobResource, verdict: JobVerdict) {
  const left = job.kind === "backup" ? " No snapshot was made." : "";
  return notice(
    "info",
    job.cancelAskedBy === undefined
      ? html`<span><b>Cancelled.</b> ${verdict.failure ? literal(verdict.failure.message) : left}</span>`
      : html`<span
          ><b>${job.held === undefined ? "Cancelled" : "Discarded"} by ${literal(job.cancelAskedBy)}</b
          >${job.cancelAskedAtMs === undefined ? null : html` <${Ago} at=${job.cancelAskedAtMs} />`}.${left}</span
        >`,
    "status",
  );
}

function warned(job: JobResource, verdict: JobVerdict) {
  if (job.kind !== "backup")
    return notice(
      "warn",
      html`<b>Done, with ${countOf(verdict.warnings, "warning")}.</b>${lastWords(verdict)}
        <span>The log names them under Warnings.</span>`,
      "status",
    );
  return notice(
    "warn",
    html`<b>The snapshot was made, with ${verdict.warnings === 1 ? "one warning" : `${verdict.warnings} warnings`}.</b>
      ${lastWords(verdict)}
      <span
        >The log names them under Warnings. Files that could not be read are not in the snapshot: exclude them, or let
        the agent's user read them.</span
      >`,
    "status",
  );
}

function Silence({ watch }: { watch: JobWatch }) {
  const since = watch.live.value?.agentSilentSinceMs ?? now.value;
  return notice(
    "warn",
    html`<b>No word for ${durationText(now.value - since)}.</b>
      <span>The agent works on without a connection. Nothing is called failed until the agent says so.</span>`,
  );
}

function Queued({ job }: { job: JobResource }) {
  const ahead = [...activeJobs.value.values()].find(
    (other) => other.hostId === job.hostId && other.jobId !== job.id && other.state === "running",
  );
  return notice(
    "info",
    ahead
      ? html`<span
          >Waits for the <a href=${`/jobs/${ahead.jobId}`}>${JOB_KIND[ahead.kind].noun.toLowerCase()}</a> that runs on
          this host.</span
        >`
      : html`<span>Sent to the agent, which has not begun yet.</span>`,
    "status",
  );
}

/** While another restic holds the repository: who, and how long this waits. */
function WaitsForLock({ watch }: { watch: JobWatch }) {
  const { phases, lockHolder } = watch.facts.value;
  const last = phases.at(-1);
  if (last?.phase !== "lock") return null;
  return notice(
    "warn",
    html`<b
        >The repository is
        locked${lockHolder === null ? "" : html` by <span class="mono">${literal(lockHolder)}</span>`}.</b
      >
      <span
        >This job waits since ${whenText(last.atMs, now.value)}, at most 30 minutes, and goes on by itself when the lock
        is gone.</span
      >`,
    "status",
  );
}
