import type { Failure } from "../../protocol/failure.ts";
import { failureWords } from "../words/failure.ts";
import { commandText } from "./command-text.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

const ICON = { bad: "bad", warn: "warn", ok: "ok", run: "run", info: "info" } as const;

/** A coloured box with an icon. `alert` is read out at once, `status` when there is time. */
export function notice(kind: keyof typeof ICON, body: Children, role?: "alert" | "status") {
  return html`<div class=${`note ${kind}`} role=${role}>
    ${icon(ICON[kind], kind === "run" ? "spin" : "")}
    <div class="grow stack stack-1">${body}</div>
  </div>`;
}

/** A failure as its sentence, the own words of the server and of restic where they say more, and the next step. */
export function failureNotice(
  failure: Failure & { requestId?: string },
  more: { lastWords?: Children; actions?: Children } = {},
) {
  const words = failureWords(failure.code);
  const own = failure.message !== "" && failure.message !== words.says ? failure.message : null;
  return notice(
    "bad",
    html`<b>${words.says}</b> ${own === null ? null : commandText(own)} ${more.lastWords}<span>${words.next}</span> ${
        failure.code === "server.internal" && failure.requestId
          ? html`<span class="fs12">Request id <span class="mono">${failure.requestId}</span></span>`
          : null
      }
      ${more.actions}`,
    "alert",
  );
}
