import { useSignal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { HostDetail, HostResource } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { Crumbs } from "../parts/crumbs.ts";
import { HostStatusPill, lastBackupLine } from "../parts/host-row.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { notice } from "../parts/notice.ts";
import { RunBackupButton } from "../parts/run-backup.ts";
import { Tabs } from "../parts/tabs.ts";
import { Ago } from "../parts/time.ts";
import { useTitle } from "../parts/title.ts";
import { activeByHost, hosts, keepHost } from "../state/fleet.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { countText, sizeText } from "../words/size.ts";
import { JOB_KIND } from "../words/status.ts";
import { absoluteText, durationText } from "../words/time.ts";
import { HostJobs } from "./host/jobs.ts";
import { HostOverview } from "./host/overview.ts";
import { HostSchedules } from "./host/schedules.ts";
import { HostSettings } from "./host/settings.ts";
import { HostSnapshots } from "./host/snapshots.ts";

/** One host: header, vitals, and a tab that is part of the address. */
export function HostPage({ hostId, tab }: { hostId: string; tab: string }) {
  const detail = useLoad(hostId, () => api.host(hostId));
  const live = hosts.value.get(hostId)?.value;
  useEffect(() => {
    if (detail.value) keepHost(detail.value);
  }, [detail.value]);
  // The feed carries the host; what belongs to it is read again when its kept columns move.
  const moved = live && `${live.lastBackupAtMs} ${live.snapshotCount} ${live.online}`;
  useEffect(() => {
    if (detail.value) void detail.reload();
  }, [moved]);
  const name = literal((live ?? detail.value)?.name ?? "");
  useTitle(name === "" ? "Host" : name);

  return html`<div class="page">
    ${loaded(
      detail,
      (value) => html`<${Host} detail=${live ? { ...value, ...live } : value} tab=${tab} reload=${detail.reload} />`,
      html`<section class="card">${skeletonLines(7)}</section>`,
    )}
  </div>`;
}

function Host({ detail, tab, reload }: { detail: HostDetail; tab: string; reload: () => Promise<void> }) {
  // Holds for every way to run a backup on this page.
  const verbose = useSignal(false);
  const base = `/hosts/${detail.id}`;
  const seen =
    detail.lastSeenAtMs === undefined
      ? "It has never connected."
      : html`Last seen <${Ago} at=${detail.lastSeenAtMs} />.`;
  return html`<${Header} host=${detail} schedules=${detail.schedules} verbose=${verbose} />
    ${
      detail.locked
        ? notice(
            "bad",
            html`<b>This host is locked.</b>
              <span
                >Two machines claim to be it, so it gets no jobs and no credentials. It keeps backing up by itself. Stop
                the copy, then remove this host and add it again.</span
              >`,
            "status",
          )
        : detail.online
          ? null
          : notice(
              "info",
              html`<b>Offline.</b>
                <span>${seen} Nothing can be started until it is back; settings are applied then.</span>`,
              "status",
            )
    }
    <${Vitals} host=${detail} />
    <${Tabs}
      label="Host sections"
      current=${tab}
      tabs=${[
        { id: "overview", href: base, word: "Overview" },
        { id: "snapshots", href: `${base}/snapshots`, word: "Snapshots", count: detail.snapshotCount },
        { id: "schedules", href: `${base}/schedules`, word: "Schedules", count: detail.schedules.length },
        { id: "jobs", href: `${base}/jobs`, word: "Jobs" },
        ...(may("host.edit") ? [{ id: "settings", href: `${base}/settings`, word: "Settings" }] : []),
      ]}
    />
    <${Tab} detail=${detail} tab=${tab} reload=${reload} verbose=${verbose} />`;
}

function Tab(props: { detail: HostDetail; tab: string; reload: () => Promise<void>; verbose: Signal<boolean> }) {
  const { detail, tab, reload } = props;
  switch (tab) {
    case "snapshots":
      return html`<${HostSnapshots} host=${detail} />`;
    case "schedules":
      return html`<${HostSchedules} detail=${detail} reload=${reload} />`;
    case "jobs":
      return html`<${HostJobs} hostId=${detail.id} />`;
    case "settings":
      return may("host.edit") ? html`<${HostSettings} detail=${detail} reload=${reload} />` : null;
    default:
      return html`<${HostOverview} detail=${detail} verbose=${props.verbose} />`;
  }
}

function Header(props: { host: HostResource; schedules: HostDetail["schedules"]; verbose: Signal<boolean> }) {
  const { host, schedules, verbose } = props;
  const active = activeByHost.value.get(host.id);
  const enabled = schedules.filter((schedule) => schedule.enabled).length;
  return html`<header class="phead">
    <div class="grow">
      <${Crumbs} here=${html`<span class="mono">${literal(host.name)}</span>`} />
      <div class="row row-3 wrap">
        <h1 class="mono host-title"><bdi>${literal(host.name)}</bdi></h1>
        <${HostStatusPill} host=${host} />
        ${host.tags.map((tag) => html`<span class="tag">${literal(tag)}</span>`)}
      </div>
      <p class="fs13 faint">
        ${aboutText(host)}${
          host.online
            ? " Online."
            : host.lastSeenAtMs === undefined
              ? null
              : html` Seen <${Ago} at=${host.lastSeenAtMs} />.`
        }${
          host.name === host.hostname ? null : html` Calls itself <span class="mono">${literal(host.hostname)}</span>.`
        }
      </p>
    </div>
    <div class="row acts">
      ${
        active
          ? html`<a class="btn primary" href=${`/jobs/${active.jobId}`}
              >${icon("jobs")}View running ${JOB_KIND[active.kind].noun.toLowerCase()}</a
            >`
          : may("job.run")
            ? html`<${RunBackupButton}
                host=${host}
                verbose=${verbose.value}
                kind="primary"
                icon="play"
                because=${enabled === 1 ? undefined : enabled === 0 ? "No schedule is enabled." : "Choose a schedule under Run now."}
                >Run backup<//
              >`
            : null
      }
    </div>
  </header>`;
}

function aboutText(host: HostResource): string {
  const restic = host.resticVersion === "" ? "no restic found" : `restic ${literal(host.resticVersion)}`;
  return `${literal(host.os)}, ${literal(host.arch)}. Agent ${literal(host.agentVersion)}, ${restic}.`;
}

function Vitals({ host }: { host: HostResource }) {
  const outcome = host.lastBackupOutcome;
  const tone = outcome === "succeeded" ? "t-ok" : outcome === "warnings" ? "t-warn" : "t-bad";
  const mark = outcome === "succeeded" ? "ok" : outcome === "warnings" ? "warn" : "bad";
  const skewMs = host.clockSkewMs ?? 0;
  return html`<section class="card vitals" aria-label="Vitals">
    <div>
      <span>Last backup</span>
      <b>${host.lastBackupAtMs === undefined ? "never" : html`<${Ago} at=${host.lastBackupAtMs} />`}</b>
      ${
        host.lastBackupAtMs === undefined
          ? html`<span>run one to be protected</span>`
          : html`<span class=${tone}>${icon(mark, "i-sm")} ${lastBackupLine(host)}</span>`
      }
    </div>
    ${
      outcome === "failed" || outcome === "cancelled"
        ? html`<div>
            <span>Last good backup</span>
            <b>${host.lastGoodBackupAtMs === undefined ? "never" : html`<${Ago} at=${host.lastGoodBackupAtMs} />`}</b>
            <span
              >${host.lastGoodBackupAtMs === undefined ? "" : absoluteText(host.lastGoodBackupAtMs).slice(0, 16)}</span
            >
          </div>`
        : null
    }
    <div>
      <span>Snapshots</span><b>${host.snapshotCount === 0 ? "none" : countText(host.snapshotCount)}</b
      ><span>in the repository</span>
    </div>
    ${
      host.sizeBytes === undefined
        ? null
        : html`<div><span>Size</span><b>${sizeText(host.sizeBytes)}</b><span>as backed up</span></div>`
    }
    <div>
      <span>Agent</span><b>${literal(host.agentVersion)}</b>
      ${
        Math.abs(skewMs) > 60_000
          ? html`<span class="t-warn"
              >${icon("late", "i-sm")} clock ${durationText(Math.abs(skewMs))} ${skewMs > 0 ? "ahead" : "behind"}</span
            >`
          : html`<span>${host.online ? "online" : "offline"}</span>`
      }
    </div>
    <div>
      <span>restic</span><b>${host.resticVersion === "" ? "none" : literal(host.resticVersion)}</b>
      ${host.resticVersion === "" ? html`<span class="t-bad">${icon("bad", "i-sm")} install it on the host</span>` : html`<span>${literal(host.arch)}</span>`}
    </div>
  </section>`;
}
