import { useEffect, useRef, useState } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { api } from "../net/endpoints.ts";
import type { JobWatch } from "../state/job-watch.ts";
import {
  filteredLines,
  LOG_PARTS,
  LOG_WINDOW_LINES,
  showsLine,
  type LogPart,
  type LogWindow,
} from "../state/log-lines.ts";
import { countOf, countText } from "../words/size.ts";
import { createLogList, type LogList } from "./log-list.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

const PART_WORD: Record<LogPart, string> = { all: "All", warnings: "Warnings", hooks: "Hooks" };
const totals = (log: LogWindow) => ({ all: log.all.total, warnings: log.warnings.total, hooks: log.hooks.total });

/** The log of a job: follows the end until someone scrolls up, then says how much is new below. */
export function LogView({ jobId, watch, ended }: { jobId: string; watch: JobWatch; ended: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const list = useRef<LogList | null>(null);
  const following = useSignal(true);
  const below = useSignal(0);
  const counts = useSignal(totals(watch.log));
  const [part, setPart] = useState<LogPart>("all");
  const [find, setFind] = useState("");
  const filter = useRef({ part, find });

  useEffect(() => {
    const made = createLogList(box.current!, content.current!);
    list.current = made;
    const stop = watch.onLines((lines) => {
      const shown = lines.filter((line) => showsLine(filter.current, line));
      made.append(shown);
      if (following.peek()) made.toEnd();
      else below.value += shown.length;
      counts.value = totals(watch.log);
    });
    return () => {
      stop();
      made.close();
    };
  }, [watch]);

  useEffect(() => {
    filter.current = { part, find };
    list.current!.replace(filteredLines(watch.log, filter.current));
    if (following.peek()) list.current!.toEnd();
  }, [watch, part, find]);

  // A job that had failed before the page was opened is read from its first error.
  const failedBefore = ended && watch.live.value?.state === "failed" && watch.caughtUp.value;
  useEffect(() => {
    if (failedBefore && list.current!.toFirst("error")) leave();
  }, [failedBefore]);

  function scrolled(): void {
    if (list.current!.atEnd()) follow();
    else leave();
  }
  function leave(): void {
    following.value = false;
    list.current!.leaveEnd();
  }
  function follow(): void {
    list.current!.toEnd();
    following.value = true;
    below.value = 0;
  }
  function press(event: KeyboardEvent): void {
    if (event.key === "End") {
      event.preventDefault();
      follow();
    }
    if (event.key === "n") list.current!.toNextWarning();
  }

  const total = counts.value.all;
  const hidden = total - LOG_WINDOW_LINES;
  return html`<section class="card log-card" aria-labelledby="log-title">
    <div class="toolbar">
      <h2 id="log-title">Log</h2>
      <span class="btnset" role="group" aria-label="Show">
        ${LOG_PARTS.filter((one) => one !== "hooks" || counts.value.hooks > 0).map(
          (one) =>
            html`<button type="button" class="btn sm" aria-pressed=${one === part} onClick=${() => setPart(one)}>
              ${PART_WORD[one]}${one !== "all" && counts.value[one] > 0 ? ` ${countText(counts.value[one])}` : ""}
            </button>`,
        )}
      </span>
      <span class="input-ic find">
        ${icon("search")}
        <input
          type="search"
          placeholder="Find in log"
          aria-label="Find in log"
          value=${find}
          onInput=${(event: Event) => setFind((event.currentTarget as HTMLInputElement).value)}
        />
      </span>
      <span class="grow"></span>
      ${
        ended
          ? null
          : html`<button
              type="button"
              class="btn sm"
              aria-pressed=${following.value}
              title="Stops when you scroll up. Press End to follow again."
              onClick=${follow}
            >
              ${icon("todown", "i-sm")}${following.value ? "Following" : "Follow"}
            </button>`
      }
      <a class="btn sm icon ghost" href=${api.logAddress(jobId)} download aria-label="Download log" title="Download log"
        >${icon("file", "i-sm")}</a
      >
    </div>
    <div class="log-box">
      <div
        class="log"
        role="log"
        aria-label="Job log"
        aria-live=${following.value && !ended ? "polite" : "off"}
        tabindex="0"
        ref=${box}
        onScroll=${scrolled}
        onKeyDown=${press}
      >
        <div ref=${content}></div>
      </div>
      ${
        below.value > 0
          ? html`<button type="button" class="btn sm accent jump" onClick=${follow}>
              ${icon("todown", "i-sm")}${countOf(below.value, "new line")}, jump to end
            </button>`
          : null
      }
    </div>
    <div class="cfoot">
      <span
        >${countOf(total, "line")}${ended ? "" : ", live"}${
          hidden > 0 ? `. The newest ${countText(LOG_WINDOW_LINES)} are shown; download for all.` : ""
        }</span
      >
      <span class="hintline hide-sm"
        ><span><kbd>End</kbd> ${ended ? "to the end" : "follow"}</span><span><kbd>n</kbd> next warning</span></span
      >
    </div>
  </section>`;
}
