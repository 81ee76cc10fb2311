import type { JobResource } from "../../protocol/api.ts";
import { now } from "../state/clock.ts";
import { literal } from "../words/literal.ts";
import { tookText } from "../words/phases.ts";
import { JOB_KIND } from "../words/status.ts";
import { absoluteText, clockText, whenText } from "../words/time.ts";
import { html } from "./html.ts";
import { Ago } from "./time.ts";

/** The facts of a job, beside its log. */
export function JobDetails(props: {
  job: JobResource;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  snapshotId: string | null;
}) {
  const { job, startedAtMs, finishedAtMs, snapshotId } = props;
  const row = (name: string, value: unknown) =>
    html`<dt>${name}</dt>
      <dd>${value}</dd>`;
  const schedule = literal(job.scheduleName ?? "");
  return html`<section class="card pad stack stack-2" aria-labelledby="details">
    <h2 id="details">Details</h2>
    <dl class="kv">
      ${row("Job", html`<span class="mono fs12" title=${job.id}>${job.id.slice(-12)}</span>`)}
      ${row("Kind", JOB_KIND[job.kind].noun)}
      ${
        schedule === ""
          ? null
          : row(
              "Schedule",
              job.scheduleId === undefined
                ? schedule
                : html`<a href=${`/hosts/${job.hostId}/schedules/${job.scheduleId}`}>${schedule}</a>`,
            )
      }
      ${
        job.nominalAtMs === undefined
          ? null
          : row(
              "Planned",
              html`<span title=${absoluteText(job.nominalAtMs)}>${whenText(job.nominalAtMs, now.value)}</span>`,
            )
      }
      ${row(job.source === "schedule" ? "Made" : "Asked", html`<${Ago} at=${job.createdAtMs} />`)}
      ${startedAtMs === null ? null : row("Started", clockText(startedAtMs))}
      ${finishedAtMs === null ? null : row("Ended", clockText(finishedAtMs))}
      ${startedAtMs === null || finishedAtMs === null ? null : row("Took", tookText(finishedAtMs - startedAtMs))}
      ${job.releasedBy === undefined ? null : row("Released by", literal(job.releasedBy))}
      ${job.resticVersion === undefined ? null : row("restic", literal(job.resticVersion))}
      ${
        snapshotId === null || job.kind !== "backup"
          ? null
          : row(
              "Snapshot",
              html`<a class="mono fs12" title=${snapshotId} href=${`/hosts/${job.hostId}/snapshots`}
                >${snapshotId.slice(0, 8)}</a
              >`,
            )
      }
    </dl>
  </section>`;
}
