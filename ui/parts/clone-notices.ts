import type { HostDetail } from "../../protocol/api.ts";
import { claimsShown } from "../state/claims-shown.ts";
import { now } from "../state/clock.ts";
import { claimantName } from "../words/claimant-facts.ts";
import { literal } from "../words/literal.ts";
import { html } from "./html.ts";
import { lazyPart } from "./lazy.ts";
import { notice } from "./notice.ts";

const Claimants = lazyPart(async () => (await import("./claimants.ts")).Claimants);

/** Whether the host is locked or a copy of it knocks, and the machines that claim it. */
export function CloneNotices({ detail, reload }: { detail: HostDetail; reload: () => Promise<void> }) {
  const { panel, knocking } = claimsShown(detail, now.value);
  return html`${
    detail.locked
      ? notice("bad", html`<b>This host is locked.</b> <span>${lockedText(detail)}</span>`, "status")
      : knocking
        ? notice(
            "warn",
            html`<b>A copy of this host still runs.</b>
              <span
                >It is refused and gets no jobs and no credentials, but its schedules go on in the same repository.
                Where it runs, remove the agent, or enrol it as a host of its own.</span
              >`,
            "status",
          )
        : null
  }
  ${panel ? html`<${Claimants} detail=${detail} reload=${reload} />` : null}`;
}

function lockedText({ claimants }: HostDetail): string {
  const chosen = claimants.find(({ standing }) => standing === "chosen");
  if (chosen)
    return `It opens when ${literal(claimantName(chosen))} connects, within five minutes, or at once when its agent is restarted there.`;
  if (claimants.length === 0)
    return "Two machines claim to be it. They are listed here when they try to connect again, within five minutes.";
  return "Two machines claim to be it, or its disk was set back. Nobody gets jobs or credentials until the right one is picked; its own schedules go on.";
}
