import { useComputed } from "@preact/signals";
import { useState } from "preact/hooks";
import type { HostResource, JobResource } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { concerns, type Concern } from "../state/attention.ts";
import { now } from "../state/clock.ts";
import { heldJobs, settledHosts } from "../state/fleet.ts";
import { may } from "../state/session.ts";
import { failureWords } from "../words/failure.ts";
import { HOLD_WORDS } from "../words/hold.ts";
import { literal } from "../words/literal.ts";
import { countOf } from "../words/size.ts";
import { durationText, relativeText, whenText } from "../words/time.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";
import { lazyPart } from "./lazy.ts";
import { useLoad } from "./load.ts";
import { RunBackupButton } from "./run-backup.ts";
import { RunJobButton } from "./run-job.ts";

const SHOWN = 5;
const ReleaseDialog = lazyPart(async () => (await import("./release-dialog.ts")).ReleaseDialog);

/** What a person should look at, each with its cause and its cure; nothing when all is well. */
export function Attention() {
  const all = useComputed(() => concerns(settledHosts.value, heldJobs.value)).value;
  if (all.length === 0) return null;
  const more = all.length - SHOWN;
  return html`<section class="card" aria-labelledby="attention">
    <div class="chead">
      <h2 id="attention">Needs attention</h2>
      ${more > 0 ? html`<a class="fs12" href="/?status=at-risk">${countOf(more, "more", "more")}</a>` : null}
    </div>
    <ul class="list">
      ${all.slice(0, SHOWN).map((concern) => html`<${Row} key=${keyOf(concern)} concern=${concern} />`)}
    </ul>
  </section>`;
}

function keyOf(concern: Concern): string {
  return concern.kind === "held" ? concern.job.id : concern.host.id;
}

function Row({ concern }: { concern: Concern }) {
  switch (concern.kind) {
    case "locked":
      return problemRow(concern.host, {
        mark: "lock",
        tone: "t-bad",
        says: "is claimed by two machines",
        why: "Or its disk was set back. It gets no jobs until the right machine is picked; its own schedules go on.",
        acts: html`<a class="btn sm accent" href=${`/hosts/${concern.host.id}`}>View machines</a>`,
      });
    case "failing":
      return html`<${Failing} host=${concern.host} />`;
    case "check-failed":
      return problemRow(concern.host, {
        mark: "bad",
        tone: "t-bad",
        says: "failed its last check",
        why: "The repository may be damaged. Do not prune it before you know how far it goes.",
        acts: html`<a class="btn sm accent" href=${`/hosts/${concern.host.id}/repository`}>View repository</a>`,
      });
    case "held":
      return html`<${Held} job=${concern.job} />`;
    case "late":
      return html`<${Late} host=${concern.host} />`;
    case "warnings":
      return problemRow(concern.host, {
        mark: "warn",
        tone: "t-warn",
        says: "could not read everything",
        why: "Its last backup made a snapshot, but some files are not in it. The log names them.",
        acts: logLink(concern.host),
      });
    case "offline":
      return html`<${Offline} host=${concern.host} />`;
  }
}

interface Said {
  mark: string;
  tone: string;
  says: Children;
  why: Children;
  acts: Children;
}

function problemRow(host: { id: string; name: string }, { mark, tone, says, why, acts }: Said) {
  return html`<li class="att">
    ${icon(mark, `i-lg ${tone}`)}
    <div>
      <a class="host" href=${`/hosts/${host.id}`}><bdi>${literal(host.name)}</bdi></a
      >${" "}
      <span class="fs13 semi">${says}</span>
    </div>
    <p>${why}</p>
    ${acts === null ? null : html`<div class="row acts">${acts}</div>`}
  </li>`;
}

function logLink(host: HostResource) {
  const job = host.latestJob;
  return job?.kind === "backup" ? html`<a class="btn sm" href=${`/jobs/${job.id}`}>View log</a>` : null;
}

const hostOf = ({ id, name, online, locked }: HostResource) => ({ id, name, online, locked });

function Failing({ host }: { host: HostResource }) {
  const latest = host.latestJob;
  const failed = latest?.kind === "backup" && latest.state === "failed" ? latest.id : null;
  const job = useLoad<JobResource | null>(failed ?? "", async () =>
    failed === null ? { ok: true, value: null } : api.job(failed),
  );
  const failure = job.value?.failure;
  const since = useComputed(() =>
    host.lastGoodBackupAtMs === undefined
      ? "has never been backed up"
      : `has not been backed up for ${durationText(now.value - host.lastGoodBackupAtMs)}`,
  );
  const locked = failure?.code === "repository.locked";
  const why = failure
    ? failure.message === ""
      ? failureWords(failure.code).says
      : failure.message
    : "Its last backup failed.";
  return problemRow(host, {
    mark: "bad",
    tone: "t-bad",
    says: since,
    why: literal(why),
    acts: html`${logLink(host)}
    ${
      !may("job.run")
        ? null
        : locked
          ? html`<${RunJobButton} host=${hostOf(host)} body=${{ kind: "unlock" }} kind="sm accent" icon="unlock"
              >Unlock repository<//
            >`
          : html`<${RunBackupButton} host=${host} kind="sm accent" icon="play">Run backup<//>`
    }`,
  });
}

function Late({ host }: { host: HostResource }) {
  const due = host.nextDueAtMs;
  const says = useComputed(() =>
    due === undefined || due > now.value ? "is late" : `is ${durationText(now.value - due)} late`,
  );
  const why = useComputed(() => {
    const missed =
      due === undefined
        ? "It has had no good backup for a week."
        : `The backup due ${whenText(due, now.value)} did not run.`;
    return host.online || host.lastSeenAtMs === undefined
      ? missed
      : `${missed} The host is offline, last seen ${relativeText(host.lastSeenAtMs, now.value)}.`;
  });
  return problemRow(host, {
    mark: "late",
    tone: "t-warn",
    says,
    why,
    acts: html`<a class="btn sm" href=${`/hosts/${host.id}/schedules`}>Schedules</a>
      ${may("job.run") ? html`<${RunBackupButton} host=${host} kind="sm accent" icon="play">Run backup<//>` : null}`,
  });
}

function Offline({ host }: { host: HostResource }) {
  const why = useComputed(() =>
    [
      host.lastSeenAtMs === undefined
        ? "It has never connected."
        : `Last seen ${relativeText(host.lastSeenAtMs, now.value)}.`,
      host.lastGoodBackupAtMs === undefined
        ? "It has no good backup yet."
        : `Its last good backup is ${durationText(now.value - host.lastGoodBackupAtMs)} old, in time.`,
    ].join(" "),
  );
  return problemRow(host, { mark: "offline", tone: "t-idle", says: "is offline", why, acts: null });
}

function Held({ job }: { job: JobResource }) {
  const [releasing, setReleasing] = useState(false);
  const held = job.held;
  const of = held ? `${held.removed} of ${countOf(held.removed + held.kept, "snapshot")}` : "snapshots";
  return problemRow(
    { id: job.hostId, name: job.hostName },
    {
      mark: "paused",
      tone: "t-warn",
      says: `waits: a forget would remove ${of}`,
      why: `${held ? held.reasons.map((reason) => HOLD_WORDS[reason]).join(" ") : ""} ${job.scheduleName === undefined ? "" : `Schedule ${literal(job.scheduleName)}.`}`,
      acts: html`<a class="btn sm" href=${`/jobs/${job.id}`}>View plan</a> ${
          may("job.release")
            ? html`<button type="button" class="btn sm accent" onClick=${() => setReleasing(true)}>Release…</button>`
            : null
        }${releasing ? html`<${ReleaseDialog} job=${job} onClose=${() => setReleasing(false)} />` : null}`,
    },
  );
}
