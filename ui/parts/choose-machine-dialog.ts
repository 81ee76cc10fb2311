import { useState } from "preact/hooks";
import type { HostDetail } from "../../protocol/api.ts";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { confirmDone } from "../state/toast.ts";
import { claimantName } from "../words/claimant-facts.ts";
import { literal } from "../words/literal.ts";
import { BusyButton } from "./button.ts";
import { Dialog } from "./dialog.ts";
import { html } from "./html.ts";
import { failureNotice } from "./notice.ts";

/** Says what it means to let one of the machines in, then does it. */
export function ChooseMachineDialog(props: {
  host: HostDetail;
  claimant: ClaimantResource;
  onClose: () => void;
  onChosen: () => Promise<void>;
}) {
  const { host, claimant, onClose, onChosen } = props;
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const name = literal(claimantName(claimant));
  async function choose(): Promise<void> {
    const answer = await api.chooseMachine(host.id, claimant.no);
    if (!answer.ok) {
      setFailure(answer.failure);
      return onChosen();
    }
    onClose();
    confirmDone(`${name} is let in when it connects next.`);
    await onChosen();
  }
  return html`<${Dialog}
    title=${`Is this machine ${literal(host.name)}?`}
    onClose=${onClose}
    actions=${html`<button type="button" class="btn" autofocus onClick=${onClose}>Not sure</button>
      <${BusyButton} kind="primary" onPress=${choose}>Let it in<//>`}
  >
    ${failure === null ? null : failureNotice(failure)}
    <p class="fs13">
      <b class="mono">${name}</b
      >${claimant.address === "" ? "" : `, which connected from ${literal(claimant.address)},`} ${" "}gets this host's
      jobs and credentials from its next connection on. The others are refused.
    </p>
    <p class="fs13 dim">
      A copy still has what this host was given. If it is in foreign hands, change the repository's password and keys
      afterwards.
    </p>
  <//>`;
}
