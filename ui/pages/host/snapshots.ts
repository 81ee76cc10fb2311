import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { HostDetail, SnapshotResource } from "../../../protocol/api.ts";
import type { ApiFailure } from "../../net/api.ts";
import { api } from "../../net/endpoints.ts";
import { BusyButton } from "../../parts/button.ts";
import { html } from "../../parts/html.ts";
import { icon } from "../../parts/icon.ts";
import { loaded, skeletonLines, useLoad } from "../../parts/load.ts";
import { failureNotice } from "../../parts/notice.ts";
import { whyNotNow } from "../../parts/run-job.ts";
import { Ago } from "../../parts/time.ts";
import { may } from "../../state/session.ts";
import { literal } from "../../words/literal.ts";
import { countOf, countText, sizeChangeText, sizeText } from "../../words/size.ts";
import { absoluteText } from "../../words/time.ts";

const PAGE = "50";
/** Tags that restic-manager sets for itself are not the operator's. */
const own = (tag: string) => tag.startsWith("rm:");

/** Snapshots of the host's repositories, newest first. */
export function HostSnapshots({ host }: { host: HostDetail }) {
  const first = useLoad(`${host.id} ${host.snapshotCount} ${host.lastGoodBackupAtMs}`, () =>
    api.snapshots(host.id, { limit: PAGE }),
  );
  const [older, setOlder] = useState<{ items: SnapshotResource[]; next: string | undefined } | null>(null);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const [text, setText] = useState("");
  const names = new Map(host.schedules.map((schedule) => [schedule.id, schedule.name]));

  return html`<section class="card" aria-label="Snapshots">
    <div class="toolbar toolbar-wrap">
      <span class="input-ic filter">
        ${icon("search")}
        <input
          type="search"
          placeholder="Path, schedule, tag or ID"
          aria-label="Filter snapshots"
          value=${text}
          onInput=${(event: Event) => setText((event.currentTarget as HTMLInputElement).value)}
        />
      </span>
      <span class="grow"></span>
      ${may("job.run") ? html`<${ListAgain} host=${host} />` : null}
    </div>
    ${loaded(
      first,
      (page) => {
        const fresh = new Set(page.items.map((snapshot) => snapshot.id));
        const all = [...page.items, ...(older?.items ?? []).filter((snapshot) => !fresh.has(snapshot.id))];
        const next = older ? older.next : page.next;
        async function more(): Promise<void> {
          const answer = await api.snapshots(host.id, { limit: PAGE, after: next });
          if (!answer.ok) return setFailure(answer.failure);
          setFailure(null);
          setOlder({ items: [...(older?.items ?? []), ...answer.value.items], next: answer.value.next });
        }
        const wanted = text.toLowerCase();
        const shown = all.filter((snapshot) =>
          [snapshot.id, scheduleName(snapshot, names), ...snapshot.paths, ...snapshot.tags].some((word) =>
            word.toLowerCase().includes(wanted),
          ),
        );
        if (all.length === 0) return html`<${NoSnapshots} />`;
        return html`${
            shown.length === 0
              ? html`<div class="empty">
                  ${icon("filter")}
                  <h2>No snapshots match</h2>
                  <p class="fs13">
                    ${countOf(all.length, "snapshot is", "snapshots are")} hidden by “${literal(text)}”.
                  </p>
                  <button type="button" class="btn sm" onClick=${() => setText("")}>Clear filter</button>
                </div>`
              : html`<${SnapshotTable} snapshots=${shown} schedules=${names} />`
          }
          ${failure === null ? null : html`<div class="pad">${failureNotice(failure)}</div>`}
          <div class="cfoot">
            <span>${countText(shown.length)} of ${countText(Math.max(host.snapshotCount, all.length))} shown</span>
            ${
              next === undefined
                ? html`<span class="hide-sm">Added is new data after deduplication</span>`
                : html`<${BusyButton} kind="sm" onPress=${more}>Show older snapshots<//>`
            }
          </div>`;
      },
      skeletonLines(6),
    )}
  </section>`;
}

function NoSnapshots() {
  return html`<div class="empty">
    ${icon("layers")}
    <h2>No snapshots yet</h2>
    <p class="fs13">Each backup makes one. Snapshots already in the repository are listed with the first backup.</p>
  </div>`;
}

/** The schedule that made a snapshot, as far as the host still has it. */
function scheduleName(snapshot: SnapshotResource, names: ReadonlyMap<string, string>): string {
  if (snapshot.scheduleId === undefined) return "by hand";
  return literal(names.get(snapshot.scheduleId) ?? "removed schedule");
}

function SnapshotTable(props: { snapshots: readonly SnapshotResource[]; schedules: ReadonlyMap<string, string> }) {
  const { snapshots, schedules } = props;
  return html`<div class="tblwrap">
    <table class="snaps">
      <thead>
        <tr>
          <th scope="col">Snapshot</th>
          <th scope="col">Taken</th>
          <th scope="col">Schedule</th>
          <th scope="col">Paths</th>
          <th scope="col" class="num hide-sm">Files</th>
          <th scope="col" class="num hide-sm">Size</th>
          <th scope="col" class="num">Added</th>
        </tr>
      </thead>
      <tbody>
        ${snapshots.map(
          (snapshot) =>
            html`<tr key=${snapshot.id} tabindex="0">
              <td>
                <span class="mono semi" title=${snapshot.id}>${snapshot.id.slice(0, 8)}</span>
                <span class="sub"
                  >${
                    snapshot.tags
                      .filter((tag) => !own(tag))
                      .map(literal)
                      .join(", ") || literal(snapshot.hostname)
                  }</span
                >
              </td>
              <td class="c-taken">
                <${Ago} at=${snapshot.timeMs} /><span class="sub">${absoluteText(snapshot.timeMs).slice(0, 16)}</span>
              </td>
              <td class=${snapshot.scheduleId === undefined ? "faint" : ""}>${scheduleName(snapshot, schedules)}</td>
              <td class="c-paths mono fs12 dim">
                <span class="clip paths" title=${snapshot.paths.map(literal).join("\n")}
                  >${snapshot.paths.map(literal).join(" ")}</span
                >
              </td>
              ${
                snapshot.summary
                  ? html`<td class="num hide-sm">${countText(snapshot.summary.totalFiles)}</td>
                      <td class="num hide-sm">${sizeText(snapshot.summary.totalBytes)}</td>
                      <td class="num">${sizeChangeText(snapshot.summary.addedBytes)}</td>`
                  : html`<td class="num faint hide-sm">unknown</td>
                      <td class="num faint hide-sm">unknown</td>
                      <td class="num faint">unknown</td>`
              }
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Reads the repository's list anew: for snapshots that came or went without restic-manager. */
function ListAgain({ host }: { host: HostDetail }) {
  const { route } = useLocation();
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  async function list(): Promise<void> {
    const answer = await api.runJob(host.id, { kind: "snapshots" });
    if (answer.ok) route(`/jobs/${answer.value.id}`);
    else setFailure(answer.failure);
  }
  return html`${failure === null ? null : failureNotice(failure)}
    <${BusyButton} kind="sm" icon="refresh" because=${whyNotNow(host)} onPress=${list}>List snapshots again<//>`;
}
