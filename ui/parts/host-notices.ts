import type { HostDetail } from "../../protocol/api.ts";
import { failureWords } from "../words/failure.ts";
import { literal } from "../words/literal.ts";
import { CloneNotices } from "./clone-notices.ts";
import { commandText } from "./command-text.ts";
import { html } from "./html.ts";
import { notice } from "./notice.ts";
import { Ago } from "./time.ts";

/** What holds for the whole host: locked, offline, and what its agent refuses with the local remedy. */
export function HostNotices({ detail, reload }: { detail: HostDetail; reload: () => Promise<void> }) {
  const clones = html`<${CloneNotices} detail=${detail} reload=${reload} />`;
  return html`${clones} ${detail.locked ? null : offline(detail)}
  ${detail.refusedRepositories.map((refused) => {
    const repository = detail.repositories.find((one) => one.id === refused.id);
    return html`<div key=${refused.id}>
      ${notice(
        "warn",
        html`<b
            >The host does not use${" "}
            ${repository ? html`<span class="mono">${literal(repository.address)}</span>` : "one of its repositories"}.</b
          >
          ${commandText(refused.message ?? failureWords(refused.code).says)}`,
        "status",
      )}
    </div>`;
  })}
  ${detail.schedules.map((schedule) =>
    schedule.refused === undefined
      ? null
      : html`<div key=${schedule.id}>
          ${notice(
            "warn",
            html`<b
                >The host does not run${" "}
                <a href=${`/hosts/${detail.id}/schedules/${schedule.id}`}>${literal(schedule.name)}</a>.</b
              >
              ${commandText(schedule.refused.message ?? failureWords(schedule.refused.code).says)}`,
            "status",
          )}
        </div>`,
  )}`;
}

function offline(detail: HostDetail) {
  if (detail.online) return null;
  const seen =
    detail.lastSeenAtMs === undefined
      ? "It has never connected."
      : html`Last seen <${Ago} at=${detail.lastSeenAtMs} />.`;
  return notice(
    "info",
    html`<b>Offline.</b>
      <span
        >${seen} Its own schedules go on without the server. Nothing can be started from here until it is back; what you
        change is applied then.</span
      >`,
    "status",
  );
}
