import { useEffect } from "preact/hooks";
import type { HostDetail, HostResource } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { Crumbs } from "../parts/crumbs.ts";
import { HostNotices } from "../parts/host-notices.ts";
import { useHostReload } from "../parts/host-reload.ts";
import { HostStatusPill } from "../parts/host-row.ts";
import { HostVitals } from "../parts/host-vitals.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { RunBackupButton } from "../parts/run-backup.ts";
import { Tabs } from "../parts/tabs.ts";
import { Ago } from "../parts/time.ts";
import { useTitle } from "../parts/title.ts";
import { activeByHost, hosts, keepHost } from "../state/fleet.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { JOB_KIND } from "../words/status.ts";
import { HostJobs } from "./host/jobs.ts";
import { HostOverview } from "./host/overview.ts";
import { HostRepository } from "./host/repository.ts";
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
  useHostReload(hostId, detail.reload);
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
  const base = `/hosts/${detail.id}`;
  return html`<${Header} host=${detail} />
    <${HostNotices} detail=${detail} reload=${reload} />
    <${HostVitals} host=${detail} />
    <${Tabs}
      label="Host sections"
      current=${tab}
      tabs=${[
        { id: "overview", href: base, word: "Overview" },
        { id: "snapshots", href: `${base}/snapshots`, word: "Snapshots", count: detail.snapshotCount },
        { id: "schedules", href: `${base}/schedules`, word: "Schedules", count: detail.schedules.length },
        { id: "jobs", href: `${base}/jobs`, word: "Jobs" },
        { id: "repository", href: `${base}/repository`, word: "Repository" },
        ...(may("host.edit") ? [{ id: "settings", href: `${base}/settings`, word: "Settings" }] : []),
      ]}
    />
    <${Tab} detail=${detail} tab=${tab} reload=${reload} />`;
}

function Tab({ detail, tab, reload }: { detail: HostDetail; tab: string; reload: () => Promise<void> }) {
  switch (tab) {
    case "snapshots":
      return html`<${HostSnapshots} host=${detail} />`;
    case "schedules":
      return html`<${HostSchedules} detail=${detail} reload=${reload} />`;
    case "jobs":
      return html`<${HostJobs} hostId=${detail.id} />`;
    case "repository":
      return html`<${HostRepository} detail=${detail} reload=${reload} />`;
    case "settings":
      return may("host.edit") ? html`<${HostSettings} detail=${detail} reload=${reload} />` : null;
    default:
      return html`<${HostOverview} detail=${detail} />`;
  }
}

function Header({ host }: { host: HostDetail }) {
  const active = activeByHost.value.get(host.id);
  const runnable = host.schedules.some((schedule) => schedule.kind === "backup" && schedule.enabled);
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
                kind="primary"
                icon="play"
                because=${runnable ? undefined : "No backup schedule is switched on."}
                >Run backup<//
              >`
            : null
      }
    </div>
  </header>`;
}

function aboutText(host: HostResource): string {
  const restic = host.resticVersion === "" ? "no restic found" : `restic ${literal(host.resticVersion)}`;
  return `${literal(host.os === "linux" ? "Linux" : host.os)}, ${literal(host.arch)}. Agent ${literal(host.agentVersion)}, ${restic}.`;
}
