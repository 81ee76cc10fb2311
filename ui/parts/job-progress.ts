import { useComputed, useSignalEffect } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import type { JobResource } from "../../protocol/api.ts";
import { now } from "../state/clock.ts";
import type { JobWatch } from "../state/job-watch.ts";
import { decideEta, etaText } from "../words/eta.ts";
import { percentText } from "../words/percent.ts";
import { countText, rateText, sizeText } from "../words/size.ts";
import { PHASE_DOING } from "../words/status.ts";
import { clockMinuteText, durationText } from "../words/time.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { ProgressBar } from "./progress-bar.ts";
import { sparkLine } from "./spark.ts";

/** The bar of a running job with what is left. `still` = nobody has heard from the agent. */
export function JobProgress({ job, watch, still }: { job: JobResource; watch: JobWatch; still: boolean }) {
  const startedAtMs = watch.facts.value.startedAtMs ?? job.startedAtMs ?? now.value;
  const shownMs = useRef<number | null>(null);
  const progress = watch.progress.value;
  const phase = watch.facts.value.phases.at(-1)?.phase ?? "prepare";
  // Only these have a total to be part of; what comes before, between and after is named instead.
  const reading = phase === "scan" || phase === "upload" || phase === "check" || phase === "prune";
  const percent = reading ? progress?.percent : undefined;
  shownMs.current = decideEta({ runningMs: now.value - startedAtMs, etaMs: progress?.etaMs, shownMs: shownMs.current });
  const eta = etaText(shownMs.current);
  const done =
    shownMs.current === null
      ? null
      : html`<span class="faint">, done near ${clockMinuteText(now.value + shownMs.current)}</span>`;
  return html`<div class="prog">
    <div class="row between baseline">
      <span class="stat">${percent === undefined ? PHASE_DOING[phase] : percentText(percent)}</span>
      <span class="fs13">
        ${still ? html`<span class="faint">as last heard</span>` : reading ? html`<b class="semi">${eta}</b>${done}` : null}
      </span>
    </div>
    <div
      role="progressbar"
      aria-label="Progress"
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${percent === undefined ? undefined : Math.floor(percent * 100)}
      aria-valuetext=${percent === undefined ? PHASE_DOING[phase] : `${percentText(percent)}, ${eta.toLowerCase()}`}
    >
      <${ProgressBar} progress=${watch.progress} large still=${still || !reading} />
    </div>
    <${Announcer} watch=${watch} />
  </div>`;
}

/** Says each tenth for those who do not see the bar. */
function Announcer({ watch }: { watch: JobWatch }) {
  const [said, setSaid] = useState("");
  const tenth = useComputed(() => Math.floor((watch.progress.value?.percent ?? 0) * 10) * 10);
  useSignalEffect(() => {
    if (tenth.value > 0) setSaid(`${tenth.value} percent`);
  });
  return html`<span class="sr" role="status">${said}</span>`;
}

/** The numbers of a running job. */
export function RunningNumbers({ job, watch }: { job: JobResource; watch: JobWatch }) {
  const progress = watch.progress.value;
  const rate = watch.rate.value;
  const startedAtMs = watch.facts.value.startedAtMs ?? job.startedAtMs;
  const errors = progress?.errors ?? 0;
  return html`<div class="vitals vitals-5 ruled">
    <div>
      <span>Read</span><b>${sizeText(progress?.bytes ?? 0)}</b>
      <span>${progress?.totalBytes === undefined ? "total unknown yet" : `of ${sizeText(progress.totalBytes)}`}</span>
    </div>
    <div>
      <span>Files</span><b>${countText(progress?.files ?? 0)}</b>
      <span>${progress?.totalFiles === undefined ? "total unknown yet" : `of ${countText(progress.totalFiles)}`}</span>
    </div>
    <div>
      <span>Warnings</span><b>${countText(errors)}</b>
      ${errors > 0 ? html`<span class="t-warn">${icon("warn", "i-sm")} not read</span>` : html`<span>so far</span>`}
    </div>
    <div>
      <span>Running for</span
      ><b>${startedAtMs === undefined || startedAtMs === null ? "not yet" : durationText(now.value - startedAtMs)}</b>
    </div>
    <div>
      <span>Speed</span><b>${rate && rate.recent.length > 0 ? rateText(rate.bytesPerSecond) : "measuring"}</b>
      ${rate ? sparkLine(rate.recent) : null}
    </div>
  </div>`;
}
