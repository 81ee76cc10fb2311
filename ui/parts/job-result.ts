import type { JobResource } from "../../protocol/api.ts";
import type { JobResult } from "../../protocol/wire.ts";
import { readShare } from "../words/check-read.ts";
import { tookText } from "../words/phases.ts";
import { countOf, countText, sizeText } from "../words/size.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

/** What a finished check, forget, prune or unlock did. `tookMs` is null where the times are not known. */
export function JobResultNumbers(props: { job: JobResource; result: JobResult; tookMs: number | null }) {
  const { job, result, tookMs } = props;
  return html`<div class="vitals ruled" aria-label="Summary">
    ${numbers(job, result)} ${tookMs === null ? null : number("Took", tookText(tookMs))}
  </div>`;
}

function number(name: string, value: Children, line?: Children) {
  return html`<div><span>${name}</span><b>${value}</b>${line === undefined ? null : line}</div>`;
}

/** What a check without errors proves, by what it read. */
const SOUND: Readonly<Record<string, string>> = { none: "the structure is sound", all: "the repository is sound" };
const good = (text: string) => html`<span class="t-ok">${icon("ok", "i-sm")} ${text}</span>`;
const bad = (text: string) => html`<span class="t-bad">${icon("bad", "i-sm")} ${text}</span>`;

function numbers(job: JobResource, result: JobResult) {
  switch (result.kind) {
    case "check":
      return html`${number(
        "Errors",
        result.errors === 0 ? "none" : countText(result.errors),
        result.errors === 0 ? good(SOUND[result.read] ?? "what was read is sound") : bad("do not prune it"),
      )}
      ${number("Data read", readShare(result.read), html`<span>beside the structure</span>`)}`;
    case "forget":
      return html`${number("Forgotten", countOf(result.removed, "snapshot"), html`<span>data is freed by a prune</span>`)}
      ${number(
        "Left",
        countOf(result.kept, "snapshot"),
        html`<a class="fs12" href=${`/hosts/${job.hostId}/snapshots`}>of this schedule</a>`,
      )}`;
    case "prune":
      return number("Freed", sizeText(result.freedBytes), html`<span>in the repository</span>`);
    case "unlock":
      return number(
        "Locks left",
        result.locksLeft === 0 ? "none" : countText(result.locksLeft),
        result.locksLeft === 0 ? good("free to use") : html`<span>held by a running restic</span>`,
      );
  }
}
