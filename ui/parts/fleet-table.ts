import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso";
import { hosts, hostsLoaded, settledHosts } from "../state/fleet.ts";
import { addressOf, orderHosts, type FleetView, type Sort } from "../state/fleet-order.ts";
import { countOf } from "../words/size.ts";
import { stripLegend } from "./day-strip.ts";
import { FleetFilters } from "./fleet-filters.ts";
import { HostRow } from "./host-row.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { VirtualRows } from "./virtual-rows.ts";

function rowOf(id: string) {
  const host = hosts.peek().get(id);
  return host ? html`<${HostRow} key=${id} host=${host} />` : null;
}

/** All hosts: filters in the URL, sort in the head, live rows. */
export function FleetTable({ view }: { view: FleetView }) {
  const { route } = useLocation();
  const shown = useSignal(view);
  useEffect(() => {
    shown.value = view;
  }, [addressOf(view)]);
  // As one text, so that a change which moves no row draws no table.
  const order = useComputed(() =>
    orderHosts(settledHosts.value, shown.value)
      .map((host) => host.id)
      .join(),
  );
  const ids = order.value === "" ? [] : order.value.split(",");

  /** Typing replaces the address, a press makes a new one to go back from. */
  const go = (change: Partial<FleetView>, replace = false) => route(addressOf({ ...view, ...change }), replace);
  const head = (sort: Sort, word: string, kind = "") => {
    const on = view.sort === sort;
    // The worst status is the highest, though its rank is the lowest number.
    const falling = view.descending !== (sort === "status");
    // Numbers and times are first asked for largest first, the next run soonest first.
    const down = on ? !view.descending : sort !== "name" && sort !== "status" && sort !== "next";
    return html`<th scope="col" class=${kind} aria-sort=${on ? (falling ? "descending" : "ascending") : undefined}>
      <button type="button" onClick=${() => go({ sort, descending: down }, true)}>
        ${word}${on ? html`<span aria-hidden="true">${falling ? " ↓" : " ↑"}</span>` : null}
      </button>
    </th>`;
  };

  return html`<section class="card" aria-labelledby="all-hosts">
    <h2 class="sr" id="all-hosts">All hosts</h2>
    <${FleetFilters} view=${view} go=${go} />
    ${
      ids.length === 0
        ? hostsLoaded.value
          ? html`<div class="empty">
              ${icon("filter")}
              <h2>No hosts match</h2>
              <p class="fs13">${countOf(hosts.value.size, "host is", "hosts are")} hidden by these filters.</p>
              <button type="button" class="btn sm" onClick=${() => route("/")}>Clear filters</button>
            </div>`
          : null
        : html`<div class="tblwrap">
            <table class="fleet">
              <thead>
                <tr>
                  ${head("name", "Host")}${head("status", "Status")}
                  <th scope="col">30 days</th>
                  ${head("last", "Last backup")}${head("next", "Next run")}${head("size", "Size", "num")}
                  ${head("snapshots", "Snapshots", "num hide-md")}
                  <th><span class="sr">Actions</span></th>
                </tr>
              </thead>
              <${VirtualRows} ids=${ids} columns=${8} row=${rowOf} />
            </table>
          </div>`
    }
    <div class="cfoot hide-sm">
      <span class="hintline"
        ><span><kbd>j</kbd> <kbd>k</kbd> move</span><span><kbd>↵</kbd> open</span><span><kbd>/</kbd> filter</span
        ><span><kbd>?</kbd> all keys</span></span
      >
      ${stripLegend()}
      <span>${countOf(ids.length, "host")} shown</span>
    </div>
  </section>`;
}
