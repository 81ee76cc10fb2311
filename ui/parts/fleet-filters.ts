import { useComputed } from "@preact/signals";
import { settledHosts } from "../state/fleet.ts";
import { FILTERS, filterOf, fleetTags, type Filter, type FleetView } from "../state/fleet-order.ts";
import { literal } from "../words/literal.ts";
import { countText } from "../words/size.ts";
import { HOST_STATUS } from "../words/status.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

const CHIP: Record<Filter, { word: string; icon: string; tone: string }> = {
  "at-risk": { word: "At risk", icon: "warn", tone: "bad" },
  offline: HOST_STATUS.offline,
  new: HOST_STATUS.new,
  protected: HOST_STATUS.protected,
};
const TAGS_SHOWN = 6;

/** Search, counts and tags above the fleet table. `go` changes the view; typing replaces the address. */
export function FleetFilters(props: { view: FleetView; go: (change: Partial<FleetView>, replace?: boolean) => void }) {
  const { view, go } = props;
  const tags = useComputed(() => fleetTags(settledHosts.value).slice(0, TAGS_SHOWN));
  const counts = useComputed(() => {
    const of: Record<Filter, number> = { "at-risk": 0, offline: 0, new: 0, protected: 0 };
    for (const host of settledHosts.value) of[filterOf(host.status)] += 1;
    return of;
  });
  const chip = (pressed: boolean, press: () => void, body: Children) =>
    html`<button type="button" class="chip" aria-pressed=${pressed} onClick=${press}>${body}</button>`;

  return html`<div class="toolbar">
    <span class="input-ic filter">
      ${icon("search")}
      <input
        type="search"
        placeholder="Filter hosts"
        aria-label="Filter hosts"
        value=${view.text}
        onInput=${(event: Event) => go({ text: (event.currentTarget as HTMLInputElement).value }, true)}
      />
    </span>
    <span class="row" role="group" aria-label="Status">
      ${chip(view.filter === null, () => go({ filter: null }), html`All <b>${countText(settledHosts.value.length)}</b>`)}
      ${FILTERS.filter((f) => f !== "new" || counts.value.new > 0).map((f) =>
        chip(
          view.filter === f,
          () => go({ filter: view.filter === f ? null : f }),
          html`${icon(CHIP[f].icon, `i-sm t-${CHIP[f].tone}`)}${CHIP[f].word} <b>${countText(counts.value[f])}</b>`,
        ),
      )}
    </span>
    ${
      tags.value.length === 0
        ? null
        : html`<span class="row" role="group" aria-label="Tags"
            ><span class="upright hide-sm"></span>
            ${tags.value.map((tag) =>
              chip(view.tag === tag, () => go({ tag: view.tag === tag ? null : tag }), literal(tag)),
            )}
          </span>`
    }
  </div>`;
}
