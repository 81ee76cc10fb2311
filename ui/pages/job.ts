import { useEffect, useMemo, useState } from "preact/hooks";
import type { JobResource } from "../../protocol/api.ts";
import type { Failure } from "../../protocol/failure.ts";
import { TERMINAL_STATES, type JobState } from "../../protocol/stream.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { BusyButton } from "../parts/button.ts";
import { Crumbs } from "../parts/crumbs.ts";
import { Dialog } from "../parts/dialog.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { JobProgress, RunningNumbers } from "../parts/job-progress.ts";
import { JobSummary } from "../parts/job-summary.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { LogView } from "../parts/log-view.ts";
import { failureNotice, notice } from "../parts/notice.ts";
import { phaseLine } from "../parts/phase-line.ts";
import { RunBackupButton } from "../parts/run-backup.ts";
import { statusPill } from "../parts/status-pill.ts";
import { Ago } from "../parts/time.ts";
import { useTitle } from "../parts/title.ts";
import { now } from "../state/clock.ts";
import { activeJobs, hosts, onFleetMessage } from "../state/fleet.ts";
import { watchJob, type JobWatch } from "../state/job-watch.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { phaseSteps } from "../words/phases.ts";
import { JOB_KIND, jobStatus } from "../words/status.ts";
import { clockMinuteText, clockText, dateText, durationText } from "../words/time.ts";

/** The stream is ahead of the database: the row is asked for again until it says the same. */
const SETTLE_EVERY_MS = 1000;
/** A connection that is back sooner was no silence worth a word. */
const SILENCE_SHOWN_MS = 10_000;

/** One job, live: the stream says what happens, the row who asked. */
export function JobPage({ jobId }: { jobId: string }) {
  const job = useLoad(jobId, () => api.job(jobId));
  const exists = job.value !== null;
  const watch = useMemo(() => (exists ? watchJob(jobId) : null), [jobId, exists]);
  useEffect(() => () => watch?.close(), [watch]);
  useEffect(
    () =>
      onFleetMessage((message) => {
        if (message.type === "jobChanged" && message.jobId === jobId) void job.reload();
      }),
    [jobId],
  );
  const live = watch?.live.value;
  const behind = live !== null && live !== undefined && job.value !== null && live.state !== job.value.state;
  useEffect(() => {
    if (!behind) return;
    const timer = window.setInterval(() => void job.reload(), SETTLE_EVERY_MS);
    return () => window.clearInterval(timer);
  }, [behind]);
  useTitle(job.value ? `${JOB_KIND[job.value.kind].noun} of ${literal(job.value.hostName)}` : "Job");

  return html`<div class="page">
    ${loaded(
      job,
      (value) => (watch ? html`<${Job} job=${value} watch=${watch} reload=${job.reload} />` : null),
      html`<section class="card">${skeletonLines(8)}</section>`,
    )}
  </div>`;
}

/** The verdict of a job from whichever of stream and row knows more. */
interface Verdict {
  state: JobState;
  ended: boolean;
  failure: Failure | undefined;
  lastError: string | undefined;
  warnings: number;
}

function verdictOf(job: JobResource, watch: JobWatch): Verdict {
  const live = watch.live.value;
  const finished = watch.facts.value.finished;
  const rowEnded = TERMINAL_STATES.has(job.state);
  const state = rowEnded ? job.state : (live?.state ?? job.state);
  return {
    state,
    ended: TERMINAL_STATES.has(state),
    failure: job.failure ?? finished?.failure,
    lastError: job.lastError ?? finished?.lastError,
    warnings: Math.max(job.warnings, finished?.warnings ?? 0),
  };
}

function Job({ job, watch, reload }: { job: JobResource; watch: JobWatch; reload: () => Promise<void> }) {
  const verdict = verdictOf(job, watch);
  const facts = watch.facts.value;
  const live = watch.live.value;
  const silentSinceMs = live?.agentSilentSinceMs ?? null;
  const silent = !verdict.ended && silentSinceMs !== null && now.value - silentSinceMs >= SILENCE_SHOWN_MS;
  const startedAtMs = facts.startedAtMs ?? job.startedAtMs ?? null;
  const finishedAtMs = facts.finished?.atMs ?? job.finishedAtMs ?? null;
  const summary = facts.finished?.summary ?? job.summary;
  const steps = phaseSteps({
    kind: job.kind,
    state: verdict.state,
    seen: facts.phases,
    endMs: finishedAtMs ?? now.value,
  });
  const running = verdict.state === "running" || verdict.state === "unknown";

  return html`<${Header}
      job=${job}
      verdict=${verdict}
      startedAtMs=${startedAtMs}
      cancelAsked=${live?.cancelAsked === true || job.cancelAskedAtMs !== undefined}
      reload=${reload}
    />
    <${Notices} job=${job} verdict=${verdict} watch=${watch} silent=${silent} />
    <span class="sr" role="status"
      >${verdict.ended ? jobStatus({ state: verdict.state, warnings: verdict.warnings }).word : (steps.find((s) => s.state === "now")?.word ?? "")}</span
    >
    <section class="card" aria-label="Progress">
      <div class="pad-5 stack stack-4">
        ${phaseLine(steps, silent || verdict.state === "unknown")}
        ${running ? html`<${JobProgress} job=${job} watch=${watch} still=${silent || verdict.state === "unknown"} />` : null}
      </div>
      ${running && job.kind === "backup" ? html`<${RunningNumbers} job=${job} watch=${watch} />` : null}
      ${
        verdict.ended && summary
          ? html`<${JobSummary} job=${job} summary=${summary} warnings=${verdict.warnings} />`
          : null
      }
    </section>
    <div class="cols">
      <${LogView} jobId=${job.id} watch=${watch} ended=${verdict.ended} />
      <div class="stack">
        ${running ? html`<${ReadingNow} watch=${watch} />` : null}
        <${Details}
          job=${job}
          startedAtMs=${startedAtMs}
          finishedAtMs=${finishedAtMs}
          snapshotId=${summary?.snapshotId ?? facts.snapshotId}
        />
      </div>
    </div>`;
}

function Header(props: {
  job: JobResource;
  verdict: Verdict;
  startedAtMs: number | null;
  cancelAsked: boolean;
  reload: () => Promise<void>;
}) {
  const { job, verdict, startedAtMs } = props;
  const kind = JOB_KIND[job.kind];
  const [asking, setAsking] = useState(false);
  const name = literal(job.hostName);
  const host = hosts.value.get(job.hostId)?.value;
  const by =
    job.askedBy === undefined
      ? html`By schedule ${literal(job.scheduleName ?? "unknown")}`
      : `Asked by ${literal(job.askedBy)}`;
  const cancelling = props.cancelAsked && !verdict.ended;
  return html`<header class="phead">
    <div class="grow">
      <${Crumbs}
        host=${{ id: job.hostId, name }}
        here=${`${kind.noun}, ${dateText(job.createdAtMs, now.value)} ${clockMinuteText(job.createdAtMs)}`}
      />
      <div class="row row-3 wrap">
        <h1>${verdict.state === "running" ? kind.doing : `${kind.noun} of`} <span class="mono">${name}</span></h1>
        ${statusPill(cancelling ? { word: "Cancelling", icon: "run", tone: "run" } : jobStatus(verdict))}
      </div>
      <p class="fs13 faint">
        ${by},${" "}${
          startedAtMs === null
            ? html`not started, asked <${Ago} at=${job.createdAtMs} />`
            : html`started ${clockText(startedAtMs)}, <${Ago} at=${startedAtMs} />`
        }
      </p>
    </div>
    <div class="row acts">
      ${
        !verdict.ended && may("job.cancel")
          ? html`<button
              type="button"
              class="btn danger"
              disabled=${cancelling}
              title=${cancelling ? "The agent has been told" : undefined}
              onClick=${() => setAsking(true)}
            >
              ${icon("stop")}Cancel ${kind.verb}
            </button>`
          : null
      }
      ${
        verdict.ended && job.kind === "backup" && host && may("job.run")
          ? html`<${RunBackupButton}
              host=${host}
              scheduleId=${job.scheduleId}
              kind=${verdict.state === "succeeded" ? "" : "primary"}
              icon="play"
              >Run backup again<//
            >`
          : null
      }
    </div>
    ${asking && !verdict.ended ? html`<${CancelDialog} job=${job} onClose=${() => setAsking(false)} reload=${props.reload} />` : null}
  </header>`;
}

function CancelDialog({
  job,
  onClose,
  reload,
}: {
  job: JobResource;
  onClose: () => void;
  reload: () => Promise<void>;
}) {
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const verb = JOB_KIND[job.kind].verb;
  async function cancel(): Promise<void> {
    const answer = await api.cancelJob(job.id);
    if (!answer.ok && answer.failure.code !== "job.already_finished") return setFailure(answer.failure);
    onClose();
    await reload();
  }
  return html`<${Dialog}
    title=${`Cancel this ${verb}?`}
    onClose=${onClose}
    actions=${html`<button type="button" class="btn" autofocus onClick=${onClose}>Let it finish</button>
      <${BusyButton} kind="danger-solid" onPress=${cancel}>Cancel ${verb}<//>`}
  >
    ${
      job.kind === "backup"
        ? html`<p class="fs13 dim">No snapshot is made. What was already uploaded is reused by the next backup.</p>`
        : null
    }
    ${failure === null ? null : failureNotice(failure)}
  <//>`;
}

function Notices({
  job,
  verdict,
  watch,
  silent,
}: {
  job: JobResource;
  verdict: Verdict;
  watch: JobWatch;
  silent: boolean;
}) {
  const lastWord = verdict.lastError
    ? html`<code class="last-error text-literal">${literal(verdict.lastError)}</code>`
    : null;
  switch (verdict.state) {
    case "failed":
      return verdict.failure
        ? failureNotice(verdict.failure, { lastWords: lastWord })
        : notice("bad", html`<b>The job failed.</b>${lastWord}`, "alert");
    case "cancelled":
      return notice(
        "info",
        job.cancelAskedBy === undefined
          ? html`<span
              ><b>Cancelled.</b> ${verdict.failure ? literal(verdict.failure.message) : "No snapshot was made."}</span
            >`
          : html`<span
              ><b>Cancelled by ${literal(job.cancelAskedBy)}</b
              >${job.cancelAskedAtMs === undefined ? null : html` <${Ago} at=${job.cancelAskedAtMs} />`}. No snapshot
              was made.</span
            >`,
        "status",
      );
    case "succeeded":
      return verdict.warnings > 0
        ? notice(
            "warn",
            html`<b
                >The snapshot was made, but ${verdict.warnings === 1 ? "one thing" : `${verdict.warnings} things`} could
                not be read.</b
              >
              ${lastWord}
              <span>The log names them under Warnings. Exclude them, or let the agent's user read them.</span>`,
            "status",
          )
        : null;
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
      return silent ? html`<${Silence} watch=${watch} />` : null;
  }
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

function ReadingNow({ watch }: { watch: JobWatch }) {
  const files = watch.progress.value?.currentFiles ?? [];
  if (files.length === 0) return null;
  return html`<section class="card pad stack stack-2" aria-labelledby="reading">
    <h2 id="reading">Reading now</h2>
    <ul class="stack stack-1 mono fs12 dim">
      ${files.map((file) => html`<li class="clip" title=${literal(file)}>${literal(file)}</li>`)}
    </ul>
  </section>`;
}

function Details(props: {
  job: JobResource;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  snapshotId: string | null;
}) {
  const { job, startedAtMs, finishedAtMs, snapshotId } = props;
  const row = (name: string, value: unknown) =>
    html`<dt>${name}</dt>
      <dd>${value}</dd>`;
  return html`<section class="card pad stack stack-2" aria-labelledby="details">
    <h2 id="details">Details</h2>
    <dl class="kv">
      ${row("Job", html`<span class="mono fs12" title=${job.id}>${job.id.slice(-12)}</span>`)}
      ${row("Kind", JOB_KIND[job.kind].noun)}
      ${job.scheduleName === undefined ? null : row("Schedule", literal(job.scheduleName))}
      ${row("Asked", html`<${Ago} at=${job.createdAtMs} />`)}
      ${startedAtMs === null ? null : row("Started", clockText(startedAtMs))}
      ${finishedAtMs === null ? null : row("Ended", clockText(finishedAtMs))}
      ${startedAtMs === null || finishedAtMs === null ? null : row("Took", durationText(finishedAtMs - startedAtMs))}
      ${job.resticVersion === undefined ? null : row("restic", literal(job.resticVersion))}
      ${
        snapshotId === null
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
