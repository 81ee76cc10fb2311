import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { HostDetail, ScheduleResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { policyCommand } from "../words/policy.ts";
import { BusyButton } from "./button.ts";
import { Dialog } from "./dialog.ts";
import { Field } from "./field.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { failureNotice } from "./notice.ts";
import { whyNotNow } from "./run-job.ts";

/** Why this person cannot run the schedule now; undefined when they can. */
function whyNot(host: HostDetail, schedule: ScheduleResource): string | undefined {
  if (schedule.kind === "prune") {
    if (!may("job.prune")) return "Only an admin prunes: it deletes data.";
    if (host.policy?.allowPrune === false)
      return `The host does not allow prune. Run on it: ${policyCommand("allow_prune", "true")}`;
  }
  return whyNotNow(host);
}

/** Runs one schedule now and lands on the job; a prune asks for the host's name first. */
export function RunScheduleButton({ host, schedule }: { host: HostDetail; schedule: ScheduleResource }) {
  const { route } = useLocation();
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  async function run(): Promise<void> {
    const answer = await api.runSchedule(host.id, schedule.id, {});
    setAsking(false);
    if (answer.ok) route(`/jobs/${answer.value.id}`);
    else setFailure(answer.failure);
  }
  const name = literal(schedule.name);
  return html`<${BusyButton}
      kind="sm"
      label=${`Run ${name}`}
      because=${whyNot(host, schedule)}
      onPress=${schedule.kind === "prune" ? async () => setAsking(true) : run}
      >Run<//
    >${asking ? html`<${PruneDialog} host=${host} run=${run} onClose=${() => setAsking(false)} />` : null}${
      failure === null
        ? null
        : html`<${Dialog}
            title=${`${name} did not start`}
            onClose=${() => setFailure(null)}
            actions=${html`<button type="button" class="btn" autofocus onClick=${() => setFailure(null)}>Close</button>`}
            >${failureNotice(failure)}<//
          >`
    }`;
}

function PruneDialog(props: { host: HostDetail; run: () => Promise<void>; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const matches = typed === props.host.name;
  const form = `prune-${props.host.id}`;
  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (busy || !matches) return;
    setBusy(true);
    await props.run();
  }
  return html`<${Dialog}
    title=${`Prune the repository of ${literal(props.host.name)}?`}
    onClose=${props.onClose}
    actions=${html`<button type="button" class="btn" onClick=${props.onClose}>Keep data</button>
      <button
        type="submit"
        form=${form}
        class="btn danger-solid"
        disabled=${!matches}
        aria-busy=${busy}
        title=${matches ? undefined : "Type the host's name first"}
      >
        ${busy ? icon("run", "i-sm spin") : null}Prune repository
      </button>`}
  >
    <form id=${form} class="stack" noValidate onSubmit=${submit}>
      <p class="fs13 dim">
        Data that no snapshot uses is deleted for good. Snapshots are not touched. No backup runs meanwhile.
      </p>
      <${Field}
        label=${html`Type <span class="mono semi">${literal(props.host.name)}</span> to confirm`}
        mono
        focus
        value=${typed}
        onInput=${setTyped}
      />
    </form>
  <//>`;
}
