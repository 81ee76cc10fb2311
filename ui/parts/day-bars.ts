import { DAY_MS } from "../../core/schedule/day.ts";
import { dayWord, daysVerdict } from "../words/days.ts";
import { dateText } from "../words/time.ts";
import { html } from "./html.ts";

/** Days between two dates under the bars. */
const AXIS_DAYS = 7;

/**
 * The last 30 days of a host, large: a link a day to its jobs. A day is one of UTC, as the server counts them.
 * `running` = a backup runs now.
 */
export function DayBars(props: { hostId: string; days: string; running: boolean; nowMs: number }) {
  const { hostId, days, running, nowMs } = props;
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const dayMsAt = (i: number) => today - (days.length - 1 - i) * DAY_MS;
  const marks = [...days].flatMap((_, i) => (i % AXIS_DAYS === 0 && days.length - i > 4 ? [dayMsAt(i)] : []));
  return html`<section class="card" aria-labelledby="health">
    <div class="chead">
      <h2 id="health">Backup health, 30 days</h2>
      <span class="fs12 faint">${daysVerdict(days)}</span>
    </div>
    <div class="pad">
      <ul class="days" aria-label="Backup health, last 30 days">
        ${[...days].map((letter, i) => {
          const dayMs = dayMsAt(i);
          const isNow = running && i === days.length - 1;
          const said = `${utcDateText(dayMs, nowMs)}: ${isNow ? "running" : dayWord(letter)}`;
          return html`<li key=${dayMs} class=${isNow ? "r" : letter}>
            <a href=${`/hosts/${hostId}/jobs?day=${new Date(dayMs).toISOString().slice(0, 10)}`} title=${said}
              ><span class="sr">${said}</span><i></i>${letter === "w" && !isNow ? html`<i></i>` : null}</a
            >
          </li>`;
        })}
      </ul>
      <div class="axis" aria-hidden="true">
        ${marks.map((dayMs) => html`<span>${utcDateText(dayMs, nowMs)}</span>`)}<span>Today</span>
      </div>
    </div>
  </section>`;
}

/** The date of a UTC day, said as a local one of the same name. */
export function utcDateText(dayMs: number, nowMs: number): string {
  const day = new Date(dayMs);
  return dateText(new Date(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate()).getTime(), nowMs);
}
