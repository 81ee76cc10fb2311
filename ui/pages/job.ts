import { useEffect, useMemo, useState } from "preact/hooks";
import type { JobResource } from "../../protocol/api.ts";
import { TERMINAL_STATES } from "../../protocol/stream.ts";
import type { JobKind } from "../../protocol/wire.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { BusyButton } from "../parts/button.ts";
import { Crumbs } from "../parts/crumbs.ts";
import { Dialog } from "../parts/dialog.ts";
import { HeldPlan } from "../parts/held-plan.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { JobDetails } from "../parts/job-details.ts";
import { JobNotices, type JobVerdict } from "../parts/job-notices.ts";
import { JobProgress, RunningNumbers } from "../parts/job-progress.ts";
import { JobResultNumbers } from "../parts/job-result.ts";
import { JobSummary } from "../parts/job-summary.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { LogView } from "../parts/log-view.ts";
import { failureNotice } from "../parts/notice.ts";
import { phaseLine } from "../parts/phase-line.ts";
import { RunBackupButton } from "../parts/run-backup.ts";
import { statusPill } from "../parts/status-pill.ts";
import { Ago } from "../parts/time.ts";
import { useTitle } from "../parts/title.ts";
import { now } from "../state/clock.ts";
import { hosts, onFleetMessage } from "../state/fleet.ts";
import { watchJob, type JobWatch } from "../state/job-watch.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { phaseSteps } from "../words/phases.ts";
import { JOB_KIND, jobStatus } from "../words/status.ts";
import { clockMinuteText, clockText, dateText } from "../words/time.ts";

/** The stream is ahead of the database: the row is asked for again until it says the same. */
const SETTLE_EVERY_MS = 1000;
/** A connection that is back sooner was no silence worth a word. */
const SILENCE_SHOWN_MS = 10_000;

/** One job, live: the stream says what happens, the row who asked. */
export function JobPage({ jobId }: { jobId: string }) {
  const job = useLoad(jobId, () => api.job(jobId));
  // What is held has not begun: there is nothing to follow yet.
  const exists = job.value !== null && job.value.state !== "held";
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
      (value) =>
        watch
          ? html`<${Job} job=${value} watch=${watch} reload=${job.reload} />`
          : html`<${HeldJob} job=${value} reload=${job.reload} />`,
      html`<section class="card">${skeletonLines(8)}</section>`,
    )}
  </div>`;
}

/** The verdict of a job from whichever of stream and row knows more. */
function verdictOf(job: JobResource, watch: JobWatch): JobVerdict {
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
  const result = facts.finished?.result ?? job.result;
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
    <${JobNotices} job=${job} verdict=${verdict} watch=${watch} silent=${silent} />
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
      ${
        verdict.ended && result
          ? html`<${JobResultNumbers}
              job=${job}
              result=${result}
              tookMs=${startedAtMs === null || finishedAtMs === null ? null : finishedAtMs - startedAtMs}
            />`
          : null
      }
    </section>
    <div class="cols">
      <${LogView} jobId=${job.id} watch=${watch} ended=${verdict.ended} />
      <div class="stack">
        ${running ? html`<${ReadingNow} watch=${watch} />` : null}
        <${JobDetails}
          job=${job}
          startedAtMs=${startedAtMs}
          finishedAtMs=${finishedAtMs}
          snapshotId=${summary?.snapshotId ?? facts.snapshotId}
        />
      </div>
    </div>`;
}

/** A forget that waits for an administrator. */
function HeldJob({ job, reload }: { job: JobResource; reload: () => Promise<void> }) {
  const verdict = { state: job.state, ended: false, failure: undefined, lastError: undefined, warnings: 0 };
  return html`<${Header} job=${job} verdict=${verdict} startedAtMs=${null} cancelAsked=${false} reload=${reload} />
    <div class="cols">
      <${HeldPlan} job=${job} reload=${reload} />
      <${JobDetails} job=${job} startedAtMs=${null} finishedAtMs=${null} snapshotId=${null} />
    </div>`;
}

function Header(props: {
  job: JobResource;
  verdict: JobVerdict;
  startedAtMs: number | null;
  cancelAsked: boolean;
  reload: () => Promise<void>;
}) {
  const { job, verdict, startedAtMs } = props;
  const kind = JOB_KIND[job.kind];
  const [asking, setAsking] = useState(false);
  const name = literal(job.hostName);
  const host = hosts.value.get(job.hostId)?.value;
  const by = jobSource(job);
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
            ? html`not started, ${job.source === "schedule" ? "made" : "asked"} <${Ago} at=${job.createdAtMs} />`
            : html`started ${clockText(startedAtMs)}, <${Ago} at=${startedAtMs} />`
        }
      </p>
    </div>
    <div class="row acts">
      ${
        !verdict.ended && verdict.state !== "held" && may("job.cancel")
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

/** Who wanted a job: a person, a schedule, or the server by itself. */
function jobSource(job: JobResource): string {
  if (job.source === "schedule")
    return job.scheduleName === undefined ? "By the server" : `By schedule ${literal(job.scheduleName)}`;
  return job.askedBy === undefined ? "Asked" : `Asked by ${literal(job.askedBy)}`;
}

/** What a cancelled job of each kind leaves behind. */
const CANCEL_LEAVES: Record<JobKind, string> = {
  backup: "No snapshot is made. What was already uploaded is reused by the next backup.",
  check: "The repository is not touched. What was read so far proves nothing.",
  forget: "Snapshots that are already forgotten stay so.",
  prune: "The repository stays whole. The next prune begins anew.",
  unlock: "Locks that are already removed stay so.",
  stats: "The last numbers stay on show.",
  init: "A repository that is already there stays.",
  snapshots: "The list stays as it was.",
};

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
    <p class="fs13 dim">${CANCEL_LEAVES[job.kind]}</p>
    ${failure === null ? null : failureNotice(failure)}
  <//>`;
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
