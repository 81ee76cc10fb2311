import type { HostDetail } from "../../protocol/api.ts";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import { now } from "../state/clock.ts";
import { claimantName } from "../words/claimant-facts.ts";
import { failureWords } from "../words/failure.ts";
import { literal } from "../words/literal.ts";
import { commandText } from "./command-text.ts";
import { html } from "./html.ts";
import { lazyPart } from "./lazy.ts";
import { notice } from "./notice.ts";
import { Ago } from "./time.ts";

const Claimants = lazyPart(async () => (await import("./claimants.ts")).Claimants);

/** What holds for the whole host: locked, offline, and what its agent refuses with the local remedy. */
export function HostNotices({ detail, reload }: { detail: HostDetail; reload: () => Promise<void> }) {
  const copies = detail.claimants.filter(stillKnocks);
  return html`${standing(detail)} ${detail.locked ? null : refusedCopies(copies)}
  ${detail.claimants.length > 0 && (detail.locked || copies.length > 0) ? html`<${Claimants} detail=${detail} reload=${reload} />` : null}
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

function standing(detail: HostDetail) {
  if (detail.locked)
    return notice("bad", html`<b>This host is locked.</b> <span>${lockedText(detail)}</span>`, "status");
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

function lockedText(detail: HostDetail): string {
  const chosen = detail.claimants.find(({ standing: word }) => word === "chosen");
  if (chosen)
    return `It opens when ${literal(claimantName(chosen))} connects, within five minutes, or at once when its agent is restarted there.`;
  if (detail.claimants.length === 0)
    return "Two machines claim to be it. They are listed here when they try to connect again, within five minutes.";
  return "Two machines claim to be it, or its disk was set back. Nobody gets jobs or credentials until the right one is picked; its own schedules go on.";
}

/** A copy that was refused counts as gone when it has not tried for a day. */
const KNOCKS_WITHIN_MS = 24 * 3600_000;

function stillKnocks({ standing: word, lastSeenAtMs }: ClaimantResource): boolean {
  return word === "refused" && lastSeenAtMs > now.value - KNOCKS_WITHIN_MS;
}

function refusedCopies(copies: readonly ClaimantResource[]) {
  if (copies.length === 0) return null;
  return notice(
    "warn",
    html`<b>A copy of this host was refused.</b>
      <span
        >It gets no jobs and no credentials, but its schedules go on in the same repository. Where it runs, remove the
        agent, or enrol it as a host of its own.</span
      >`,
    "status",
  );
}
