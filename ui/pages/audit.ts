import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { AuditResource } from "../../protocol/api.ts";
import { type ApiFailure, withQuery } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { BusyButton } from "../parts/button.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { failureNotice } from "../parts/notice.ts";
import { useTitle } from "../parts/title.ts";
import { now } from "../state/clock.ts";
import { auditWords } from "../words/audit.ts";
import { literal } from "../words/literal.ts";
import { absoluteText, clockText, dayText } from "../words/time.ts";

const PAGE = "50";
const ACTOR_ICON = { user: "user", token: "key", agent: "linux", server: "settings" } as const;

/** Who changed what, newest first; filters live in the URL. */
export function AuditPage() {
  useTitle("Audit");
  const { query, route } = useLocation();
  const filter = { actor: query["actor"], action: query["action"], target: query["target"] };
  const key = JSON.stringify(filter);
  const first = useLoad(key, () => api.audit({ ...filter, limit: PAGE }));
  const [older, setOlder] = useState<{ key: string; items: AuditResource[]; next: string | undefined } | null>(null);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const go = (change: Partial<typeof filter>, replace = false) =>
    route(withQuery("/audit", { ...filter, ...change }), replace);
  const filtered = Object.values(filter).some((value) => value);

  return html`<div class="page page-narrow">
    <header class="phead">
      <div>
        <h1>Audit</h1>
        <p>Everything people, hosts and the server changed.</p>
      </div>
    </header>
    <section class="card" aria-label="Audit log">
      <div class="toolbar">
        ${(["actor", "action", "target"] as const).map((name) =>
          filter[name]
            ? html`<button
                type="button"
                class="chip"
                aria-pressed="true"
                title="Remove this filter"
                onClick=${() => go({ [name]: undefined })}
              >
                <b>${name}</b>
                ${literal(name === "action" ? auditWords(filter[name]!) : filter[name]!)}${icon("x", "i-sm")}
              </button>`
            : null,
        )}
        ${
          filtered
            ? html`<button type="button" class="btn sm ghost" onClick=${() => route("/audit")}>Clear filters</button>`
            : html`<span class="fs12 faint">Press a name, an action or a target to filter by it.</span>`
        }
      </div>
      ${loaded(
        first,
        (page) => {
          const tail = older?.key === key ? older : null;
          const rows = [...page.items, ...(tail?.items ?? [])];
          const next = tail ? tail.next : page.next;
          async function more(): Promise<void> {
            const answer = await api.audit({ ...filter, limit: PAGE, after: next });
            if (!answer.ok) return setFailure(answer.failure);
            setFailure(null);
            setOlder({ key, items: [...(tail?.items ?? []), ...answer.value.items], next: answer.value.next });
          }
          if (rows.length === 0)
            return html`<div class="empty">
              ${icon(filtered ? "filter" : "audit")}
              <h2>${filtered ? "Nothing matches these filters" : "Nothing has changed yet"}</h2>
              ${filtered ? html`<button type="button" class="btn sm" onClick=${() => route("/audit")}>Clear filters</button>` : null}
            </div>`;
          return html`<${AuditTable} rows=${rows} go=${go} />
            ${failure === null ? null : html`<div class="pad">${failureNotice(failure)}</div>`}
            ${next === undefined ? null : html`<div class="cfoot"><${BusyButton} kind="sm" onPress=${more}>Show older entries<//></div>`}`;
        },
        skeletonLines(8),
      )}
    </section>
  </div>`;
}

type Go = (change: { actor?: string; action?: string; target?: string }) => void;

function AuditTable({ rows, go }: { rows: readonly AuditResource[]; go: Go }) {
  return html`<div class="tblwrap">
    <table class="audit">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Who</th>
          <th scope="col">Action</th>
          <th scope="col">Target</th>
          <th scope="col" class="hide-sm">From</th>
          <th scope="col"><span class="sr">Details</span></th>
        </tr>
      </thead>
      <tbody>
        ${rows.map((row, i) => {
          const day = dayText(row.atMs, now.peek());
          const before = i === 0 ? null : dayText(rows[i - 1]!.atMs, now.peek());
          return html`<${Fragment} key=${row.id}>
            ${
              day === before
                ? null
                : html`<tr class="grp">
                    <td colspan="6">${day}</td>
                  </tr>`
            }
            <${AuditRow} row=${row} go=${go} />
          <//>`;
        })}
      </tbody>
    </table>
  </div>`;
}

function AuditRow({ row, go }: { row: AuditResource; go: Go }) {
  const [open, setOpen] = useState(false);
  const detail = Object.entries(row.detail);
  const link = (text: string, press: () => void, kind = "") =>
    html`<button type="button" class=${`link ${kind}`} onClick=${press}>${text}</button>`;
  const toggle = () => setOpen((was) => !was);
  return html`<tr
      tabindex="0"
      onKeyDown=${(event: KeyboardEvent) => {
        if (event.key === "Enter" && event.target === event.currentTarget) toggle();
      }}
    >
      <td class="mono fs12 dim"><time title=${absoluteText(row.atMs)}>${clockText(row.atMs)}</time></td>
      <td>
        <span class="row"
          >${icon(ACTOR_ICON[row.actorKind], "faint")}${link(literal(row.actor), () => go({ actor: row.actor }), "clip")}</span
        >
      </td>
      <td>${link(auditWords(row.action), () => go({ action: row.action }), "semi")}</td>
      <td class="mono fs12">
        ${link(literal(row.targetName || row.targetId), () => go({ target: row.targetId }), "clip")}
      </td>
      <td class="mono fs12 dim hide-sm">${literal(row.address)}</td>
      <td class="num">
        <button type="button" class="btn sm icon ghost" aria-label="Details" aria-expanded=${open} onClick=${toggle}>
          ${icon(open ? "down" : "right", "i-sm")}
        </button>
      </td>
    </tr>
    ${
      open
        ? html`<tr class="detail">
            <td colspan="6">
              <dl class="kv left fs12">
                <dt>Action</dt>
                <dd class="mono">${row.action}</dd>
                <dt>Target</dt>
                <dd class="mono">${row.targetKind} ${literal(row.targetId)}</dd>
                ${
                  row.address === ""
                    ? null
                    : html`<dt>From</dt>
                        <dd class="mono">${literal(row.address)}</dd>`
                }
                ${detail.map(
                  ([name, value]) =>
                    html`<dt>${literal(name)}</dt>
                      <dd class="mono">${literal(typeof value === "string" ? value : JSON.stringify(value))}</dd>`,
                )}
              </dl>
            </td>
          </tr>`
        : null
    }`;
}
