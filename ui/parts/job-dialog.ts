import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { HostResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { Dialog } from "./dialog.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";
import { failureNotice } from "./notice.ts";
import { whyNotNow, type JobBody } from "./run-job.ts";

/** Asks how a job is to run, starts it and lands on its live page; a refusal is said above what was typed. */
export function JobDialog(props: {
  title: string;
  host: Pick<HostResource, "id" | "online" | "locked">;
  /** The verb and object of the button. */
  action: string;
  danger?: boolean;
  /** What is asked for; null while something is missing. */
  body: JobBody | null;
  /** Why it cannot start yet; absent = it can. */
  because?: string | undefined;
  onClose: () => void;
  children: Children;
}) {
  const { route } = useLocation();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const { body, host } = props;
  const because = props.because ?? whyNotNow(host) ?? (body === null ? "Fix the marked field first." : undefined);

  async function start(event: Event): Promise<void> {
    event.preventDefault();
    if (busy || body === null || because !== undefined) return;
    setBusy(true);
    const answer = await api.runJob(host.id, body);
    setBusy(false);
    if (!answer.ok) return setFailure(answer.failure);
    props.onClose();
    route(`/jobs/${answer.value.id}`);
  }

  return html`<${Dialog}
    title=${props.title}
    onClose=${props.onClose}
    actions=${html`${because === undefined ? null : html`<span class="fs12 faint grow">${because}</span>`}
      <button type="button" class="btn" autofocus onClick=${props.onClose}>Not now</button>
      <button
        type="submit"
        form="job-form"
        class=${props.danger ? "btn danger-solid" : "btn primary"}
        disabled=${because !== undefined}
        aria-busy=${busy}
      >
        ${busy ? icon("run", "i-sm spin") : null}${props.action}
      </button>`}
  >
    <form id="job-form" class="stack" noValidate onSubmit=${start}>
      ${failure === null ? null : failureNotice(failure)} ${props.children}
    </form>
  <//>`;
}
