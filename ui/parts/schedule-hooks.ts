import type { HostDetail } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import type { HooksDraft, HooksErrors } from "../state/hooks-draft.ts";
import { may } from "../state/session.ts";
import { Switch } from "./field.ts";
import { HooksFields } from "./hooks-fields.ts";
import { html } from "./html.ts";
import { failureNotice, notice } from "./notice.ts";
import { statusPill } from "./status-pill.ts";

/** Said above the fields, which are empty then. */
export function unreadableHooks() {
  return notice(
    "warn",
    html`<b>The server cannot read the stored hooks with its present key.</b>
      <span>Start it with the key they were stored under, or enter them again: saving replaces them.</span>`,
  );
}

/** The hooks of a schedule: its own, or the host's default. Others than administrators see whether there are any. */
export function HooksCard(props: {
  detail: HostDetail;
  hasHooks: boolean;
  failure: ApiFailure | null;
  unreadable: boolean;
  draft: HooksDraft;
  errors: HooksErrors;
  set: (change: Partial<HooksDraft>) => void;
}) {
  const { detail, draft } = props;
  const fallback = detail.hasHooks ? "The host's default hooks run." : "No hooks run: the host has no default ones.";
  return html`<section class="card" aria-labelledby="hooks">
    <div class="chead wrap">
      <h2 id="hooks">Hooks</h2>
      ${statusPill({ word: "Admins only", icon: "lock", tone: "idle" })}
    </div>
    ${
      props.failure !== null
        ? html`<div class="pad">${failureNotice(props.failure)}</div>`
        : may("hook.write")
          ? html`<div class="pad stack">
              ${props.unreadable ? unreadableHooks() : null}
              <span class="fs13"
                ><${Switch} checked=${draft.own} onChange=${(own: boolean) => props.set({ own })}
                  >Hooks of its own<//
                ></span
              >
              ${
                draft.own
                  ? html`<${HooksFields}
                      draft=${draft}
                      errors=${props.errors}
                      hostName=${detail.name}
                      policy=${detail.policy}
                      set=${props.set}
                    />`
                  : html`<p class="fs13 dim">${fallback}</p>`
              }
            </div>`
          : html`<p class="pad fs13 dim">
              ${props.hasHooks ? "It has hooks of its own." : fallback} Only an admin sees and changes them.
            </p>`
    }
  </section>`;
}
