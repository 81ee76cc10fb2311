import type { DraftChange } from "../state/schedule-draft.ts";
import { literal } from "../words/literal.ts";
import { countOf } from "../words/size.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

/** What saving would change, and the way to it. */
export function SaveCard(props: {
  isNew: boolean;
  changes: readonly DraftChange[];
  /** Fields in view with an error. */
  faults: number;
  busy: boolean;
  /** Where the host stands: what happens after Save. */
  then: string;
  back: string;
}) {
  const { isNew, changes, faults } = props;
  const nothing = !isNew && changes.length === 0;
  return html`<section class="card pad stack stack-3" aria-label="Save">
    <h2>${isNew ? "New schedule" : changes.length === 0 ? "No changes" : countOf(changes.length, "change")}</h2>
    ${
      isNew || changes.length === 0
        ? null
        : html`<dl class="kv">
            ${changes.map(
              ({ label, before, after }) =>
                html`<dt>${label}</dt>
                  <dd>
                    ${before === "" ? null : html`<s class="faint">${literal(before)}</s>${" "}`}${literal(after)}
                  </dd>`,
            )}
          </dl>`
    }
    ${faults > 0 ? html`<div class="err" role="status">${icon("bad", "i-sm")}Fix ${countOf(faults, "field")} first</div>` : null}
    <button
      type="submit"
      class="btn primary block"
      disabled=${faults > 0 || nothing}
      title=${nothing ? "Nothing has changed." : undefined}
      aria-busy=${props.busy}
    >
      ${props.busy ? icon("run", "i-sm spin") : null}${isNew ? "Add schedule" : "Save schedule"}
    </button>
    <a class="btn block" href=${props.back}
      >${nothing ? "Back to the schedules" : isNew ? "Discard schedule" : "Discard changes"}</a
    >
    <p class="hint">${props.then}</p>
  </section>`;
}
