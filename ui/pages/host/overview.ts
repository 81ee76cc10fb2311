import type { Signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { HostDetail } from "../../../protocol/api.ts";
import { api } from "../../net/endpoints.ts";
import { Tick } from "../../parts/field.ts";
import { html } from "../../parts/html.ts";
import { icon } from "../../parts/icon.ts";
import { JobTable } from "../../parts/job-table.ts";
import { loaded, skeletonLines, useLoad } from "../../parts/load.ts";
import { RunBackupButton } from "../../parts/run-backup.ts";
import { statusPill } from "../../parts/status-pill.ts";
import { Ago } from "../../parts/time.ts";
import { activeByHost } from "../../state/fleet.ts";
import { may } from "../../state/session.ts";
import { literal } from "../../words/literal.ts";

export function HostOverview({ detail, verbose }: { detail: HostDetail; verbose: Signal<boolean> }) {
  return html`<div class="cols">
    <div class="stack">
      <${RecentJobs} detail=${detail} />
    </div>
    <div class="stack">
      ${may("job.run") ? html`<${RunNow} detail=${detail} verbose=${verbose} />` : null}
      <${BackedUp} detail=${detail} />
      <${Repositories} detail=${detail} />
    </div>
  </div>`;
}

function RecentJobs({ detail }: { detail: HostDetail }) {
  const active = activeByHost.value.get(detail.id);
  // Read again when a job starts, changes or ends.
  const moved = `${detail.id} ${active?.jobId} ${active?.state} ${detail.lastBackupAtMs} ${detail.latestJob?.state}`;
  const jobs = useLoad(moved, () => api.jobs({ hostId: detail.id, limit: "5" }));
  const [kept, setKept] = useState(jobs.value);
  if (jobs.value && jobs.value !== kept) setKept(jobs.value);
  return html`<section class="card" aria-labelledby="recent">
    <div class="chead">
      <h2 id="recent">Recent jobs</h2>
      <a class="fs12" href=${`/hosts/${detail.id}/jobs`}>All jobs</a>
    </div>
    ${loaded(
      { ...jobs, value: jobs.value ?? kept },
      (page) =>
        page.items.length === 0
          ? html`<div class="empty">
              ${icon("jobs")}
              <h2>${detail.lastBackupAtMs === undefined ? "Never backed up" : "No jobs"}</h2>
              <p class="fs13">
                ${
                  detail.lastBackupAtMs === undefined
                    ? "Run the first backup to protect this host."
                    : "Its older jobs are no longer kept."
                }
              </p>
            </div>`
          : html`<${JobTable} jobs=${page.items} withHost=${false} />`,
      skeletonLines(4),
    )}
  </section>`;
}

function RunNow({ detail, verbose }: { detail: HostDetail; verbose: Signal<boolean> }) {
  const busy = activeByHost.value.has(detail.id);
  return html`<section class="card" aria-labelledby="run-now">
    <div class="chead"><h2 id="run-now">Run now</h2></div>
    <ul class="list">
      ${detail.schedules.map(
        (schedule) =>
          html`<li class="item" key=${schedule.id}>
            ${icon("play", "i-lg faint")}
            <div class="grow">
              <h3>Back up</h3>
              <p class="fs12 faint">Schedule ${literal(schedule.name)}</p>
            </div>
            <${RunBackupButton}
              host=${detail}
              scheduleId=${schedule.id}
              verbose=${verbose.value}
              kind="sm"
              label=${`Run schedule ${literal(schedule.name)}`}
              because=${schedule.enabled ? undefined : "The schedule is disabled."}
              >Run<//
            >
          </li>`,
      )}
    </ul>
    <div class="pad ruled">
      <${Tick} checked=${verbose.value} onChange=${(on: boolean) => (verbose.value = on)}>List every file in the log<//>
    </div>
    ${busy ? html`<div class="cfoot">A job is at work. Another one waits until it ends.</div>` : null}
  </section>`;
}

function BackedUp({ detail }: { detail: HostDetail }) {
  const synced = detail.appliedScheduleVersion >= detail.scheduleVersion;
  return html`<section class="card" aria-labelledby="paths">
    <div class="chead">
      <h2 id="paths">What is backed up</h2>
      ${statusPill(
        synced
          ? { word: "Agent in sync", icon: "ok", tone: "ok" }
          : { word: detail.online ? "Being applied" : "Applied when back", icon: "late", tone: "idle" },
      )}
    </div>
    <ul class="list fs13">
      ${detail.schedules.map(
        (schedule) =>
          html`<li class="item top" key=${schedule.id}>
            <div class="grow">
              <span class="semi">${literal(schedule.name)}</span> <span class="tag">manual</span>
              <ul class="mono fs12 dim">
                ${(schedule.kind === "backup" ? schedule.paths : []).map((path) => html`<li class="text-literal">${literal(path)}</li>`)}
                ${(schedule.kind === "backup" ? schedule.excludes : []).map((path) => html`<li class="text-literal faint">not ${literal(path)}</li>`)}
              </ul>
            </div>
          </li>`,
      )}
    </ul>
  </section>`;
}

function Repositories({ detail }: { detail: HostDetail }) {
  return html`${detail.repositories.map(
    (repository) =>
      html`<section class="card pad stack stack-2" key=${repository.id} aria-label="Repository">
        <h2>Repository</h2>
        <dl class="kv">
          <dt>Address</dt>
          <dd class="mono fs12">${literal(repository.address)}</dd>
          <dt>Password</dt>
          <dd>${repository.hasPassword ? html`set, changed <${Ago} at=${repository.updatedAtMs} />` : "not set"}</dd>
          <dt>When missing</dt>
          <dd>${repository.createRepository ? "created at a backup" : "the backup fails"}</dd>
        </dl>
      </section>`,
  )}`;
}
