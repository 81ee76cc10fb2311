import type { StatusWords } from "../words/status.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

/** A status as icon, word and, where there is one, a number: never a bare dot. */
export function statusPill(status: StatusWords, more?: Children) {
  return html`<span class=${`st ${status.tone}`}
    >${icon(status.icon, status.icon === "run" ? "spin" : "")}<span>${status.word}${more}</span></span
  >`;
}
