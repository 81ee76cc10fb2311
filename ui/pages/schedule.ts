import { useRef, useState } from "preact/hooks";
import type { HostDetail, HooksResource, ScheduleResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { Crumbs } from "../parts/crumbs.ts";
import { useHostReload } from "../parts/host-reload.ts";
import { html } from "../parts/html.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { notice } from "../parts/notice.ts";
import { useTitle } from "../parts/title.ts";
import { whyNotEdit } from "../state/schedule-access.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { ScheduleEditor } from "./schedule/editor.ts";

/** What an editor was opened on: the schedule as it was read, and its hooks for those who may see them. */
interface Opened {
  /** How often it was opened anew. */
  time: number;
  schedule: ScheduleResource | null;
  hooks: HooksResource | null;
}

/** The editor of one schedule of a host; a new one without an id. */
export function SchedulePage({ hostId, scheduleId }: { hostId: string; scheduleId: string | null }) {
  const host = useLoad(hostId, () => api.host(hostId));
  useHostReload(hostId, host.reload);
  useTitle(scheduleId === null ? "New schedule" : "Schedule");
  return html`<div class="page page-narrow">
    ${loaded(
      host,
      (detail) => html`<${Schedule} detail=${detail} scheduleId=${scheduleId} reload=${host.reload} />`,
      html`<section class="card">${skeletonLines(7)}</section>`,
    )}
  </div>`;
}

function Schedule(props: { detail: HostDetail; scheduleId: string | null; reload: () => Promise<void> }) {
  const { detail, scheduleId } = props;
  const edited = detail.schedules.find((schedule) => schedule.id === scheduleId);
  const seesHooks = may("hook.read") && edited?.kind === "backup";
  const hooks = useLoad<HooksResource | null>(`${scheduleId} ${seesHooks}`, async () =>
    seesHooks ? api.scheduleHooks(detail.id, edited.id) : { ok: true as const, value: null },
  );
  const because = whyNotEdit(edited?.kind ?? "backup");
  if (because !== undefined)
    return html`<${Frame} detail=${detail}>${notice("info", html`<b>${because}</b> <span>Ask an admin.</span>`)}<//>`;
  if (scheduleId !== null && !edited)
    return html`<${Frame} detail=${detail}
      >${notice("bad", html`<b>This schedule does not exist.</b> <span>It may have been removed meanwhile.</span>`)}<//
    >`;
  if (seesHooks && hooks.value === null && hooks.failure === null)
    return html`${loaded(hooks, () => null, html`<section class="card">${skeletonLines(7)}</section>`)}`;
  return html`<${Opening}
    ...${props}
    hooks=${hooks.value}
    hooksFailure=${hooks.failure}
    reloadHooks=${hooks.reload}
  />`;
}

/** Holds what was opened while the host is read again and again, and opens it anew when nothing typed would be lost. */
function Opening(props: {
  detail: HostDetail;
  scheduleId: string | null;
  reload: () => Promise<void>;
  hooks: HooksResource | null;
  hooksFailure: ApiFailure | null;
  reloadHooks: () => Promise<void>;
}) {
  const { detail, scheduleId } = props;
  const current = detail.schedules.find((schedule) => schedule.id === scheduleId) ?? null;
  const [opened, setOpened] = useState<Opened>({ time: 0, schedule: current, hooks: props.hooks });
  const edited = useRef(false);
  const moved = newer(current, opened.schedule) || newer(props.hooks, opened.hooks);
  if (moved && !edited.current) setOpened({ time: opened.time + 1, schedule: current, hooks: props.hooks });
  async function openAnew(): Promise<void> {
    edited.current = false;
    await Promise.all([props.reload(), props.reloadHooks()]);
  }
  return html`<${ScheduleEditor}
    key=${opened.time}
    detail=${detail}
    schedule=${opened.schedule}
    hooks=${opened.hooks}
    hooksFailure=${opened.hooks === null ? props.hooksFailure : null}
    outdated=${moved}
    onEdited=${(is: boolean) => (edited.current = is)}
    onSaved=${(schedule: ScheduleResource) => setOpened({ ...opened, schedule })}
    openAnew=${openAnew}
  />`;
}

/** Whether what the server has is newer than what was opened. */
function newer(there: { version: number } | null, here: { version: number } | null): boolean {
  return (there?.version ?? 0) > (here?.version ?? 0);
}

function Frame({ detail, children }: { detail: HostDetail; children: unknown }) {
  return html`<header class="phead">
      <div>
        <${Crumbs} host=${{ id: detail.id, name: literal(detail.name) }} here="Schedule" />
        <h1>Schedule</h1>
      </div>
    </header>
    ${children}`;
}
