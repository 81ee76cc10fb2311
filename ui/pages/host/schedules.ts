import { useState } from "preact/hooks";
import type { HostDetail, ScheduleResource } from "../../../protocol/api.ts";
import { MAX_SCHEDULES } from "../../../protocol/limits.ts";
import type { ApiFailure } from "../../net/api.ts";
import { api } from "../../net/endpoints.ts";
import { Switch } from "../../parts/field.ts";
import { html } from "../../parts/html.ts";
import { icon } from "../../parts/icon.ts";
import { failureNotice } from "../../parts/notice.ts";
import { RunScheduleButton } from "../../parts/run-schedule.ts";
import { statusPill } from "../../parts/status-pill.ts";
import { Ago } from "../../parts/time.ts";
import { inputOf } from "../../state/schedule-draft.ts";
import { whyNotEdit } from "../../state/schedule-access.ts";
import { may } from "../../state/session.ts";
import { confirmDone } from "../../state/toast.ts";
import { failureWords } from "../../words/failure.ts";
import { literal } from "../../words/literal.ts";
import { keepWords, KIND_WORDS, readWords, whenWords } from "../../words/schedule.ts";
import { absoluteText } from "../../words/time.ts";

const OUTCOME = {
  succeeded: ["ok", "t-ok"],
  warnings: ["warn", "t-warn"],
  failed: ["bad", "t-bad"],
  cancelled: ["stop", "t-idle"],
} as const;

/** The schedules of a host: what runs when, whether the agent has them, and the switch of each. */
export function HostSchedules({ detail, reload }: { detail: HostDetail; reload: () => Promise<void> }) {
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const base = `/hosts/${detail.id}/schedules`;
  const full = detail.schedules.length >= MAX_SCHEDULES;

  async function turn(schedule: ScheduleResource, enabled: boolean): Promise<void> {
    const answer = await api.putSchedule(detail.id, schedule.id, {
      ...inputOf(schedule),
      enabled,
      version: schedule.version,
    });
    setFailure(answer.ok ? null : answer.failure);
    if (answer.ok) confirmDone(`${literal(schedule.name)} is ${enabled ? "on" : "off"}`);
    await reload();
  }

  return html`<section class="card" aria-labelledby="schedules">
    <div class="chead wrap">
      <h2 id="schedules">Schedules</h2>
      <div class="row wrap">
        <${SyncState} detail=${detail} />
        ${
          may("schedule.edit")
            ? full
              ? html`<button type="button" class="btn sm" disabled title=${`A host has at most ${MAX_SCHEDULES}.`}>
                  ${icon("plus", "i-sm")}Add schedule
                </button>`
              : html`<a class="btn sm" href=${`${base}/new`}>${icon("plus", "i-sm")}Add schedule</a>`
            : null
        }
      </div>
    </div>
    ${
      failure === null
        ? null
        : html`<div class="pad">
            ${failure.code === "schedule.changed" ? failureNotice({ ...failure, message: "The list shows it as it is now." }) : failureNotice(failure)}
          </div>`
    }
    ${
      detail.schedules.length === 0
        ? html`<div class="empty">
            ${icon("calendar")}
            <h2>No schedules</h2>
            <p class="fs13">Nothing on this host is backed up until one says what and when.</p>
            ${may("schedule.edit") ? html`<a class="btn primary" href=${`${base}/new`}>${icon("plus")}Add schedule</a>` : null}
          </div>`
        : html`<div class="tblwrap">
            <table class="schedules">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">When</th>
                  <th scope="col">Next run</th>
                  <th scope="col">Last run</th>
                  <th scope="col">Paths</th>
                  <th scope="col">Keeps</th>
                  <th scope="col">On</th>
                  <th><span class="sr">Actions</span></th>
                </tr>
              </thead>
              <tbody>
                ${detail.schedules.map(
                  (schedule) =>
                    html`<${Row} key=${schedule.id} host=${detail} schedule=${schedule} base=${base} turn=${turn} />`,
                )}
              </tbody>
            </table>
          </div>`
    }
  </section>`;
}

/** Which version of the schedules the agent works with. */
export function SyncState({ detail }: { detail: HostDetail }) {
  if (detail.appliedScheduleVersion >= detail.scheduleVersion)
    return statusPill({ word: `Version ${detail.scheduleVersion}, agent in sync`, icon: "ok", tone: "ok" });
  const at =
    detail.appliedScheduleVersion === 0 ? "Agent has none yet" : `Agent at version ${detail.appliedScheduleVersion}`;
  return html`<span title=${detail.online ? "It is being sent." : "Applied when the host is back."}
    >${statusPill({ word: `${at} of ${detail.scheduleVersion}`, icon: "late", tone: detail.online ? "warn" : "idle" })}</span
  >`;
}

function Row(props: {
  host: HostDetail;
  schedule: ScheduleResource;
  base: string;
  turn: (schedule: ScheduleResource, enabled: boolean) => Promise<void>;
}) {
  const { host, schedule } = props;
  const name = literal(schedule.name);
  const kind = KIND_WORDS[schedule.kind];
  const keeps = keepWords(schedule);
  return html`<tr class=${schedule.enabled ? "" : "dim"}>
    <td class="c-name">
      <span class="row">
        ${icon(kind.icon, "faint")}
        ${whyNotEdit(schedule.kind) === undefined ? html`<a class="semi clip name" href=${`${props.base}/${schedule.id}`}>${name}</a>` : html`<span class="semi clip name">${name}</span>`}
      </span>
      <${Marks} schedule=${schedule} />
    </td>
    <td class="c-when">
      ${whenWords(schedule)}
      <span class="sub mono">${schedule.manual ? "manual" : literal(schedule.cron ?? "")}</span>
      ${schedule.manual ? null : html`<span class="sub">${schedule.timeZone}</span>`}
    </td>
    <td class="c-next"><${NextRun} schedule=${schedule} /></td>
    <td class="hide-sm"><${LastRun} schedule=${schedule} /></td>
    <td class="dim fs12 hide-sm"><${What} schedule=${schedule} /></td>
    <td class="hide-sm">
      ${keeps === null ? html`<span class="faint">does not apply</span>` : html`<span class="keeps">${keeps}</span>`}
    </td>
    <td class="c-on">
      <${Switch}
        checked=${schedule.enabled}
        label=${`${name} on`}
        because=${whyNotEdit(schedule.kind)}
        onChange=${(on: boolean) => void props.turn(schedule, on)}
      />
    </td>
    <td class="num">${may("job.run") ? html`<${RunScheduleButton} host=${host} schedule=${schedule} />` : null}</td>
  </tr>`;
}

/** What is out of the ordinary, and the schedule's tags. */
function Marks({ schedule }: { schedule: ScheduleResource }) {
  const tags = schedule.kind === "backup" ? schedule.tags : [];
  return html`<span class="marks"
    >${schedule.enabled ? null : statusPill({ word: "Disabled", icon: "paused", tone: "idle" })}${
      schedule.refused
        ? html`${statusPill({ word: "Refused by the host", icon: "bad", tone: "bad" })}<span
              class="sub t-bad text-literal"
              >${literal(schedule.refused.message ?? failureWords(schedule.refused.code).says)}</span
            >`
        : null
    }${schedule.late ? statusPill({ word: "Late", icon: "late", tone: "warn" }) : null}${
      schedule.heldJobId === undefined
        ? null
        : html`<a href=${`/jobs/${schedule.heldJobId}`}
            >${statusPill({ word: "Forget held", icon: "paused", tone: "warn" })}</a
          >`
    }${schedule.hasHooks ? html`<span class="tag">hooks</span>` : null}${tags.map((tag) => html`<span class="tag">${literal(tag)}</span>`)}</span
  >`;
}

function NextRun({ schedule }: { schedule: ScheduleResource }) {
  if (!schedule.enabled) return html`<span class="faint">none while off</span>`;
  if (schedule.nextRunAtMs === undefined) return html`<span class="faint">none</span>`;
  return html`<span class=${schedule.late ? "t-warn" : ""}
      >${schedule.late ? "due " : ""}<${Ago} at=${schedule.nextRunAtMs} /></span
    ><span class="sub">${absoluteText(schedule.nextRunAtMs).slice(0, 16)}</span>`;
}

function LastRun({ schedule }: { schedule: ScheduleResource }) {
  if (!schedule.lastRun) return html`<span class="faint">never</span>`;
  const { jobId, atMs, outcome } = schedule.lastRun;
  const [mark, tone] = OUTCOME[outcome];
  const when = html`<${Ago} at=${atMs} />`;
  // A forget that found nothing to remove has run without a job.
  return html`${jobId === undefined ? when : html`<a href=${`/jobs/${jobId}`}>${when}</a>`}<span class=${`sub ${tone}`}
      >${icon(mark, "i-sm")} ${outcome}</span
    >`;
}

const PATHS_SHOWN = 3;

function What({ schedule }: { schedule: ScheduleResource }) {
  switch (schedule.kind) {
    case "backup": {
      const more = schedule.paths.length - PATHS_SHOWN;
      return html`<span class="mono" title=${schedule.paths.slice(0, 50).map(literal).join("\n")}
          >${schedule.paths.slice(0, PATHS_SHOWN).map((path) => html`<span class="path clip">${literal(path)}</span>`)}</span
        >${more > 0 ? html`<span class="faint">and ${more} more</span>` : null}`;
    }
    case "check":
      return readWords(schedule.readData);
    case "forget":
      return "rules that wait for it";
    case "prune":
      return "unused data";
  }
}
