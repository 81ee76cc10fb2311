import { useMemo } from "preact/hooks";
import { cronProblem, zoneProblem } from "../../core/schedule/cron.ts";
import { nextFires } from "../../core/schedule/next-fire.ts";
import { spreadMs } from "../../core/schedule/spread.ts";
import { cronInWords } from "../../core/schedule/words.ts";
import { now } from "../state/clock.ts";
import type { ScheduleDraft } from "../state/schedule-draft.ts";
import { durationText, relativeText } from "../words/time.ts";
import { zonedText } from "../words/zoned-time.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { Ago } from "./time.ts";

const SHOWN = 5;
const MINUTE_MS = 60_000;

/** The cron as a sentence, with the next five runs on the clocks of the schedule's zone. */
export function NextFires({ draft, scheduleId }: { draft: ScheduleDraft; scheduleId: string | null }) {
  const { cron, manual } = draft;
  const timeZone = draft.timeZone.trim();
  const minute = Math.floor(now.value / MINUTE_MS);
  const good = !manual && cronProblem(cron) === null && zoneProblem(timeZone) === null;
  const fires = useMemo(
    () => (good ? nextFires({ cron, timeZone }, minute * MINUTE_MS, SHOWN) : []),
    [good, cron, timeZone, minute],
  );
  if (manual)
    return html`<section class="card">
      <div class="chead"><h2>Only when you run it</h2></div>
      <p class="pad fs13 dim">No run is planned, and no missing run makes the host late.</p>
    </section>`;
  if (!good)
    return html`<section class="card">
      <div class="chead"><h2>No run is planned</h2></div>
      <p class="pad fs13 dim">The next runs show here once the cron and the zone can be read.</p>
    </section>`;
  return html`<section class="card" aria-labelledby="next-runs">
    <div class="chead"><h2 id="next-runs">${cronInWords(cron)}</h2></div>
    <div class="pad stack stack-3">
      <span class="label">${fires.length === 1 ? "Next run" : `Next ${fires.length} runs`}, ${timeZone}</span>
      <ol class="stack stack-2 fs13">
        ${fires.map((atMs) => {
          const { day, clock } = zonedText(atMs, timeZone);
          return html`<li class="row between" key=${atMs}>
            <span>${day} <b class="semi">${clock}</b></span
            ><span class="faint fs12"
              >${relativeText(atMs, now.value) === "just now" ? "now" : html`<${Ago} at=${atMs} />`}</span
            >
          </li>`;
        })}
      </ol>
      <${Spread} draft=${draft} scheduleId=${scheduleId} />
    </div>
  </section>`;
}

/** How far behind the cron it starts, which depends on the schedule's id alone. */
function Spread({ draft, scheduleId }: { draft: ScheduleDraft; scheduleId: string | null }) {
  const typed = draft.spreadMinutes.trim();
  const minutes = /^\d{1,4}$/.test(typed) ? Number(typed) : 0;
  if (minutes === 0) return null;
  const later = scheduleId === null ? 0 : spreadMs(scheduleId, minutes);
  const text =
    scheduleId === null
      ? `It starts up to ${minutes} min after these, always by the same amount.`
      : later < 1000
        ? "It starts at these times: its share of the spread is none."
        : `It starts ${durationText(later)} after these: its fixed share of the spread.`;
  return html`<div class="note fs12">${icon("info")}<span>${text}</span></div>`;
}
