import { useState } from "preact/hooks";
import type { HostDetail, ScheduleResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { literal } from "../words/literal.ts";
import { Dialog } from "./dialog.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { failureNotice } from "./notice.ts";

/** Removes a schedule after a question that says what stays. */
export function RemoveSchedule(props: { host: HostDetail; schedule: ScheduleResource; onRemoved: () => void }) {
  const { host, schedule } = props;
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  async function remove(): Promise<void> {
    if (busy) return;
    setBusy(true);
    const answer = await api.deleteSchedule(host.id, schedule.id, schedule.version);
    setBusy(false);
    if (answer.ok || answer.failure.code === "schedule.not_found") return props.onRemoved();
    setFailure(answer.failure);
  }
  const close = () => {
    setAsking(false);
    setFailure(null);
  };
  return html`<button type="button" class="btn danger block" onClick=${() => setAsking(true)}>
      ${icon("trash")}Remove schedule
    </button>
    ${
      asking
        ? html`<${Dialog}
            title=${`Remove schedule ${literal(schedule.name)}?`}
            onClose=${close}
            actions=${html`<button type="button" class="btn" autofocus onClick=${close}>Keep schedule</button>
              <button type="button" class="btn danger-solid" aria-busy=${busy} onClick=${() => void remove()}>
                ${busy ? icon("run", "i-sm spin") : null}Remove schedule
              </button>`}
          >
            ${failure === null ? null : failureNotice(failure)}
            <p class="fs13 dim">
              ${
                schedule.kind === "backup"
                  ? "It runs no more. Its snapshots stay in the repository, and no rule forgets them from then on. A job that runs now goes on."
                  : "It runs no more. The repository and its snapshots are not touched."
              }
            </p>
          <//>`
        : null
    }`;
}
