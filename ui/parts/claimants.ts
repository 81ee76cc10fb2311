import { useState } from "preact/hooks";
import type { HostDetail } from "../../protocol/api.ts";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import { may } from "../state/session.ts";
import { claimantName, factRows } from "../words/claimant-facts.ts";
import { literal } from "../words/literal.ts";
import { ChooseMachineDialog } from "./choose-machine-dialog.ts";
import { html } from "./html.ts";
import { statusPill } from "./status-pill.ts";
import { Ago } from "./time.ts";

interface Shown {
  detail: HostDetail;
  reload: () => Promise<void>;
}

/** The machines that claim to be one host, side by side, for an administrator to pick the right one. */
export function Claimants({ detail, reload }: Shown) {
  const [picked, setPicked] = useState<ClaimantResource | null>(null);
  const { claimants } = detail;
  const { differ, same } = factRows(claimants);
  const chosen = claimants.find(({ standing }) => standing === "chosen");
  return html`<section class="card" aria-labelledby="claimants">
    <div class="chead">
      <h2 id="claimants">${chosen ? "Machines that claimed to be this host" : "Which machine is this host?"}</h2>
    </div>
    <div class="pad stack stack-3">
      <p class="fs13 dim">${advice(claimants, chosen)}</p>
      <ul class="cols cols-2">
        ${claimants.map(
          (claimant, i) =>
            html`<li key=${claimant.no} class="card pad stack stack-3">
              <div class="row wrap between">
                <h3 class="mono"><bdi>${literal(claimantName(claimant))}</bdi></h3>
                ${standing(claimant)}
              </div>
              <dl class="kv left">
                <dt>Last seen</dt>
                <dd>
                  ${claimant.standing === "chosen" && detail.online ? "connected" : html`<${Ago} at=${claimant.lastSeenAtMs} />`}
                </dd>
                <dt>First seen</dt>
                <dd><${Ago} at=${claimant.firstSeenAtMs} /></dd>
                ${differ.map(
                  ({ word, values }) =>
                    html`<dt>${word}</dt>
                      <dd class="mono">
                        ${values[i] === "" ? html`<span class="faint">not told</span>` : literal(values[i]!)}
                      </dd>`,
                )}
              </dl>
              ${
                may("host.choose_machine") && claimant.standing !== "chosen"
                  ? html`<div class="row acts">
                      <button type="button" class="btn sm" onClick=${() => setPicked(claimant)}>
                        This is the right one…
                      </button>
                    </div>`
                  : null
              }
            </li>`,
        )}
      </ul>
      ${
        same.length === 0
          ? null
          : html`<p class="fs12 faint">
              The same on all of them:${" "}
              ${same.map(({ word, values }) => `${word.toLowerCase()} ${literal(values[0]!)}`).join("; ")}.
            </p>`
      }
    </div>
    ${
      picked === null
        ? null
        : html`<${ChooseMachineDialog}
            host=${detail}
            claimant=${picked}
            onClose=${() => setPicked(null)}
            onChosen=${reload}
          />`
    }
  </section>`;
}

function advice(claimants: readonly ClaimantResource[], chosen: ClaimantResource | undefined): string {
  if (chosen) return "Only the chosen one is let in. A copy that still runs goes on backing up into the repository.";
  const picker = may("host.choose_machine") ? "Pick the right one." : "An administrator has to pick the right one.";
  if (claimants.length < 2)
    return `The others show up here when they connect again, within five minutes or so. ${picker}`;
  if (claimants.some(({ alike }) => alike))
    return `By what they tell they are one machine. Perhaps its disk was set back to an older state: then it is the one seen last. If two agents run, stop the wrong one first. ${picker}`;
  return `${picker} The others are refused from then on.`;
}

function standing({ standing: word, held }: ClaimantResource) {
  if (word === "chosen") return statusPill({ word: "Chosen", icon: "ok", tone: "ok" });
  if (word === "refused") return statusPill({ word: "Refused", icon: "lock", tone: "idle" });
  return held ? html`<span class="tag">connected when it was locked</span>` : null;
}
