import { useComputed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { useLocation } from "preact-iso";
import { Attention } from "../parts/attention.ts";
import { EmptyFleet } from "../parts/empty-fleet.ts";
import { FleetTable } from "../parts/fleet-table.ts";
import { FleetTiles } from "../parts/fleet-tiles.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { failureNotice } from "../parts/notice.ts";
import { skeletonLines } from "../parts/load.ts";
import { BusyButton } from "../parts/button.ts";
import { useTitle } from "../parts/title.ts";
import { useSlow } from "../parts/slow.ts";
import { hosts, hostsFailure, hostsLoaded, loadFleet, summary } from "../state/fleet.ts";
import { addressOf, viewOf } from "../state/fleet-order.ts";
import { may } from "../state/session.ts";
import { fleetVerdict } from "../words/verdict.ts";

/** The dashboard: is everything backed up? */
export function FleetPage() {
  useTitle("Fleet");
  const { query } = useLocation();
  const wanted = viewOf(query);
  // The same view is the same object: new counts, which come every two seconds, draw no table.
  const view = useMemo(() => wanted, [addressOf(wanted)]);
  const known = useComputed(() => hosts.value.size);
  const slow = useSlow();
  const fleet = summary.value;
  const retry = html`<div><${BusyButton} kind="sm" icon="refresh" onPress=${loadFleet}>Retry<//></div>`;

  if (fleet === null) {
    if (hostsFailure.value)
      return html`<div class="page">${failureNotice(hostsFailure.value, { actions: retry })}</div>`;
    return html`<div class="page">${slow ? html`<section class="card">${skeletonLines(8)}</section>` : null}</div>`;
  }
  const verdict = fleetVerdict(fleet);
  const empty = fleet.total === 0 && hostsLoaded.value && known.value === 0;
  return html`<div class=${empty ? "page page-narrow" : "page"}>
    <header class="phead">
      <div>
        <h1 class="verdict">${verdict.title}</h1>
        <p>${verdict.line}</p>
      </div>
      ${
        may("host.enroll") && !empty
          ? html`<div class="row acts"><a class="btn primary" href="/hosts/new">${icon("plus")}Add host</a></div>`
          : null
      }
    </header>
    ${
      empty
        ? html`<${EmptyFleet} />`
        : html`<${FleetTiles} fleet=${fleet} />
            ${hostsFailure.value ? failureNotice(hostsFailure.value, { actions: retry }) : null}
            <${Attention} />
            <${FleetTable} view=${view} />`
    }
  </div>`;
}
