import type { HostDetail, RepositoryResource, ScheduleResource } from "../../../protocol/api.ts";
import { api } from "../../net/endpoints.ts";
import { DayBars } from "../../parts/day-bars.ts";
import { html } from "../../parts/html.ts";
import { icon } from "../../parts/icon.ts";
import { JobTable } from "../../parts/job-table.ts";
import { loaded, skeletonLines, useKeptLoad } from "../../parts/load.ts";
import { RunPanel } from "../../parts/run-panel.ts";
import { RunScheduleButton } from "../../parts/run-schedule.ts";
import { SizeHistory } from "../../parts/size-chart.ts";
import { statusPill } from "../../parts/status-pill.ts";
import { Ago } from "../../parts/time.ts";
import { now } from "../../state/clock.ts";
import { activeByHost } from "../../state/fleet.ts";
import { may } from "../../state/session.ts";
import { appendOnlyText } from "../../words/append-only.ts";
import { literal } from "../../words/literal.ts";
import { lockText } from "../../words/locks.ts";
import { whenWords } from "../../words/schedule.ts";

/** How a host has been, what can be done with it, and what is planned. */
export function HostOverview({ detail }: { detail: HostDetail }) {
  const running = activeByHost.value.get(detail.id)?.kind === "backup";
  return html`<div class="cols">
    <div class="stack">
      <${DayBars} hostId=${detail.id} days=${detail.days} running=${running} nowMs=${now.value} />
      <${SizeHistory} hostId=${detail.id} moved=${String(detail.repositories.map((one) => one.measuredAtMs))} />
      <${RecentJobs} detail=${detail} />
    </div>
    <div class="stack">
      ${may("job.run") ? html`<${RunPanel} detail=${detail} />` : null}
      <${Schedules} detail=${detail} />
      ${detail.repositories.map((repository) => html`<${Repository} key=${repository.id} repository=${repository} />`)}
    </div>
  </div>`;
}

function RecentJobs({ detail }: { detail: HostDetail }) {
  const active = activeByHost.value.get(detail.id);
  // Read again when a job starts, changes or ends.
  const moved = `${detail.id} ${active?.jobId} ${active?.state} ${detail.lastBackupAtMs} ${detail.latestJob?.id} ${detail.latestJob?.state}`;
  const jobs = useKeptLoad(moved, () => api.jobs({ hostId: detail.id, limit: "5" }));
  return html`<section class="card" aria-labelledby="recent">
    <div class="chead">
      <h2 id="recent">Recent jobs</h2>
      <a class="fs12" href=${`/hosts/${detail.id}/jobs`}>All jobs</a>
    </div>
    ${loaded(
      jobs,
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

function Schedules({ detail }: { detail: HostDetail }) {
  const synced = detail.appliedScheduleVersion >= detail.scheduleVersion;
  return html`<section class="card" aria-labelledby="schedules">
    <div class="chead">
      <h2 id="schedules">Schedules</h2>
      ${statusPill(
        synced
          ? { word: `Agent in sync, v${detail.scheduleVersion}`, icon: "ok", tone: "ok" }
          : {
              word: detail.online ? `Agent at v${detail.appliedScheduleVersion}` : "Applied when back",
              icon: "late",
              tone: "idle",
            },
      )}
    </div>
    ${
      detail.schedules.length === 0
        ? html`<p class="pad fs13 dim">Nothing is planned. Add a schedule, and this host backs itself up.</p>`
        : html`<ul class="list fs13">
            ${detail.schedules.map(
              (schedule) =>
                html`<li class="item between" key=${schedule.id}>
                  <div>
                    <a class="semi" href=${`/hosts/${detail.id}/schedules/${schedule.id}`}>${literal(schedule.name)}</a>
                    ${schedule.manual ? html` <span class="tag">manual</span>` : null}
                    <p class="fs12 faint">${whenWords(schedule)}</p>
                  </div>
                  <${Next} detail=${detail} schedule=${schedule} />
                </li>`,
            )}
          </ul>`
    }
  </section>`;
}

/** When a schedule runs next, or its button where nobody else starts it. */
function Next({ detail, schedule }: { detail: HostDetail; schedule: ScheduleResource }) {
  if (!schedule.enabled) return statusPill({ word: "Off", icon: "paused", tone: "quiet" });
  if (schedule.manual)
    return may("job.run") ? html`<${RunScheduleButton} host=${detail} schedule=${schedule} />` : null;
  if (schedule.late) return statusPill({ word: "Late", icon: "late", tone: "warn" });
  return schedule.nextRunAtMs === undefined
    ? null
    : html`<span class="dim fs12 nowrap"><${Ago} at=${schedule.nextRunAtMs} /></span>`;
}

function Repository({ repository }: { repository: RepositoryResource }) {
  const locks = repository.locks;
  return html`<section class="card pad stack stack-2" aria-label="Repository">
    <h2>Repository</h2>
    <dl class="kv">
      <dt>Address</dt>
      <dd class="mono fs12">${literal(repository.address)}</dd>
      <dt>Lock</dt>
      <dd>
        ${
          locks === undefined
            ? "unknown"
            : locks.length === 0
              ? "none"
              : locks.map(
                  (lock) =>
                    html`<div key=${lock.id}>${icon("lock", "i-sm")} ${literal(lockText(lock, now.value))}</div>`,
                )
        }
      </dd>
      <dt>Append-only</dt>
      <dd>${appendOnlyText(repository)}</dd>
    </dl>
  </section>`;
}
