import { PRESETS, presetCron, presetOf } from "../../core/schedule/words.ts";
import type { ScheduleForm } from "../state/schedule-form.ts";
import { knownZones } from "../words/zoned-time.ts";
import { Field, SelectField, Switch } from "./field.ts";
import { html } from "./html.ts";

const zones = knownZones();

/** When it runs: presets and the cron say the same; a manual schedule has no time. */
export function WhenCard({ form }: { form: ScheduleForm }) {
  const { draft, set } = form;
  const preset = presetOf(draft.cron);
  const field = (name: "cron" | "timeZone" | "spreadMinutes") => ({
    value: draft[name],
    error: form.error(name),
    onBlur: form.left(name),
    onInput: (value: string) => set({ [name]: value }),
  });
  return html`<section class="card" aria-labelledby="when">
    <div class="chead wrap">
      <h2 id="when">When</h2>
      <span class="fs12 dim"
        ><${Switch} checked=${draft.manual} onChange=${(manual: boolean) => set({ manual })}
          >Only when I run it<//
        ></span
      >
    </div>
    ${
      draft.manual
        ? html`<p class="pad fs13 dim">It has no time of its own: it runs when someone presses Run.</p>`
        : html`<div class="pad stack">
            <div class="row wrap" role="group" aria-label="Presets">
              ${PRESETS.map(
                ({ name, label }) =>
                  html`<button
                    type="button"
                    class="chip"
                    aria-pressed=${preset === name}
                    onClick=${() => set({ cron: presetCron(name, draft.cron) })}
                  >
                    ${label}
                  </button>`,
              )}
            </div>
            <div class="cols cols-2">
              <${Field} label="Cron" mono ...${field("cron")} hint="minute, hour, day, month, weekday" />
              <${Field} label="Time zone" suggestions=${zones} ...${field("timeZone")} hint="Such as Europe/Berlin" />
              <${Field}
                label="Spread start over"
                unit="min"
                optional
                ...${field("spreadMinutes")}
                hint="Keeps hosts from starting at once"
              />
              <${SelectField}
                label="After downtime"
                value=${draft.catchUp}
                options=${[
                  ["once", "Make up one missed run"],
                  ["skip", "Wait for the next time"],
                ]}
                onChange=${(catchUp: string) => set({ catchUp: catchUp as "once" | "skip" })}
                hint="However many runs were missed"
              />
            </div>
          </div>`
    }
  </section>`;
}
