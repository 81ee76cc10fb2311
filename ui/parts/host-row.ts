import { useComputed, type Signal } from "@preact/signals";
import { useLocation } from "preact-iso";
import type { HostResource } from "../../protocol/api.ts";
import { now } from "../state/clock.ts";
import { activeByHost } from "../state/fleet.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { percentText } from "../words/percent.ts";
import { countText, sizeChangeText, sizeText } from "../words/size.ts";
import { HOST_STATUS, JOB_STATE } from "../words/status.ts";
import { absoluteText, durationText, whenText } from "../words/time.ts";
import { DayStrip } from "./day-strip.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { RunBackupButton } from "./run-backup.ts";
import { WeekSpark } from "./spark.ts";
import { statusPill } from "./status-pill.ts";
import { Ago } from "./time.ts";

/** The icon of a host's system. */
export function systemIcon(os: string): string {
  return os.toLowerCase().startsWith("win") ? "windows" : "linux";
}

/** One host of the fleet table; only what changed in it is drawn again. */
export function HostRow({ host: kept }: { host: Signal<HostResource> }) {
  const { route } = useLocation();
  const host = kept.value;
  const address = `/hosts/${host.id}`;
  function press(event: KeyboardEvent): void {
    if (event.key === "Enter" && event.target === event.currentTarget) route(address);
  }
  const name = literal(host.name);
  return html`<tr tabindex="0" onKeyDown=${press}>
    <td class="c-host">
      <a class="host" href=${address}>${icon(systemIcon(host.os))}<bdi class="clip">${name}</bdi></a>
      ${
        host.tags.length > 0
          ? html`<span class="hosttags"
              >${host.tags.map((tag) => html`<span class="tag">${literal(tag)}</span>`)}</span
            >`
          : null
      }
    </td>
    <td class="c-st"><${HostStatusPill} host=${host} /></td>
    <td class="c-strip calm"><${Strip} host=${host} /></td>
    <td class="c-last"><${LastBackup} host=${host} /></td>
    <td class="c-next"><${NextRun} host=${host} /></td>
    <td class="c-size num">
      <span class="row sized"
        ><${WeekSpark} values=${host.weeklySizes} /><span
          >${host.sizeBytes === undefined ? html`<span class="faint">unknown</span>` : sizeText(host.sizeBytes)}</span
        ></span
      >
    </td>
    <td class="c-snap num hide-md">${countText(host.snapshotCount)}</td>
    <td class="c-act num"><${RowAction} host=${host} /></td>
  </tr>`;
}

/** A host's worst word; a running job comes before a quiet one. */
export function HostStatusPill({ host }: { host: HostResource }) {
  const active = useComputed(() => activeByHost.value.get(host.id)).value;
  const locked = host.locked ? statusPill({ word: "Locked", icon: "lock", tone: "bad" }) : null;
  const quiet = host.status === "protected" || host.status === "new";
  if (active && quiet) return html`${locked}${statusPill(JOB_STATE[active.state], html`<${Percent} job=${active} />`)}`;
  return html`${locked}${statusPill(HOST_STATUS[host.status])}`;
}

function Percent({ job }: { job: NonNullable<ReturnType<(typeof activeByHost)["value"]["get"]>> }) {
  return html`<span
    >${useComputed(() => {
      const text = percentText(job.progress.value?.percent);
      return text === "" ? "" : ` ${text}`;
    })}</span
  >`;
}

function LastBackup({ host }: { host: HostResource }) {
  if (host.lastBackupAtMs === undefined) return html`<span class="faint">never</span>`;
  const tone = host.status === "failing" ? "t-bad" : host.status === "late" ? "t-warn" : "";
  return html`<span class=${tone}><${Ago} at=${host.lastBackupAtMs} /></span
    ><span class="sub">${lastBackupLine(host)}</span>`;
}

function Strip({ host }: { host: HostResource }) {
  const running = useComputed(() => activeByHost.value.get(host.id)?.kind === "backup").value;
  return html`<${DayStrip} days=${host.days} running=${running} />`;
}

/** When the next backup is due, and where in the week that is. */
export function NextRun({ host }: { host: HostResource }) {
  const running = useComputed(() => {
    const active = activeByHost.value.get(host.id);
    return active?.kind === "backup" && active.state === "running";
  }).value;
  const due = host.nextDueAtMs;
  const text = useComputed(() => {
    if (due === undefined) return { first: "by hand", second: "nothing planned", tone: "dim" };
    const second = whenText(due, now.value);
    if (running) return { first: "running", second, tone: "" };
    if (due > now.value) return { first: "", second, tone: "" };
    if (!host.online) return { first: "when online", second: `due ${second}`, tone: "" };
    return host.status === "late"
      ? { first: "overdue", second: `since ${second}`, tone: "t-warn" }
      : { first: "due now", second, tone: "" };
  }).value;
  return html`<span class=${text.tone} title=${due === undefined ? undefined : absoluteText(due)}
      >${text.first === "" ? html`<${Ago} at=${due} />` : text.first}</span
    ><span class="sub">${text.second}</span>`;
}

/** The second line of a last backup: how long and how much, or how it failed. */
export function lastBackupLine(host: HostResource) {
  switch (host.lastBackupOutcome) {
    case "failed":
    case "cancelled":
      return host.lastGoodBackupAtMs === undefined
        ? `${host.lastBackupOutcome}, none before it`
        : html`${host.lastBackupOutcome}, good <${Ago} at=${host.lastGoodBackupAtMs} />`;
    default:
      return [
        host.lastBackupDurationMs === undefined ? "" : durationText(host.lastBackupDurationMs),
        host.lastBackupAddedBytes === undefined ? "" : sizeChangeText(host.lastBackupAddedBytes),
      ]
        .filter((text) => text !== "")
        .join(", ");
  }
}

function RowAction({ host }: { host: HostResource }) {
  const active = useComputed(() => activeByHost.value.get(host.id)).value;
  if (active)
    return html`<a class="btn sm" href=${`/jobs/${active.jobId}`}
      ><span class="sr">View the job on ${literal(host.name)}</span><span aria-hidden="true">View</span></a
    >`;
  if (!may("job.run")) return null;
  return html`<${RunBackupButton} host=${host} kind="sm" label=${`Run backup on ${literal(host.name)}`}>Run<//>`;
}
