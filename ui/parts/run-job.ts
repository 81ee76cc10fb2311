import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type * as v from "valibot";
import type { createJobBody, HostResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { literal } from "../words/literal.ts";
import { JOB_KIND } from "../words/status.ts";
import { BusyButton } from "./button.ts";
import { Dialog } from "./dialog.ts";
import { html, type Children } from "./html.ts";
import { failureNotice } from "./notice.ts";

export type JobBody = v.InferInput<typeof createJobBody>;

/** Why no job of this host can start now; undefined when one can. */
export function whyNotNow(host: Pick<HostResource, "online" | "locked">): string | undefined {
  if (host.locked) return "The host is locked: two machines claim to be it.";
  return host.online ? undefined : "The host is offline.";
}

/** Starts a job and lands on its live page; a refusal is said in a dialog, with what to do. */
export function RunJobButton(props: {
  host: Pick<HostResource, "id" | "name" | "online" | "locked">;
  body: JobBody;
  kind?: string;
  icon?: string;
  label?: string | undefined;
  because?: string | undefined;
  /** Answers true when it takes care of the refusal itself. */
  onRefused?: (failure: ApiFailure) => boolean;
  children: Children;
}) {
  const { route } = useLocation();
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const { host, body } = props;
  async function run(): Promise<void> {
    const answer = await api.runJob(host.id, body);
    if (answer.ok) route(`/jobs/${answer.value.id}`);
    else if (!props.onRefused?.(answer.failure)) setFailure(answer.failure);
  }
  return html`<${BusyButton}
      kind=${props.kind}
      icon=${props.icon}
      label=${props.label}
      because=${props.because ?? whyNotNow(host)}
      onPress=${run}
      >${props.children}<//
    >${
      failure === null
        ? null
        : html`<${Dialog}
            title=${`The ${JOB_KIND[body.kind].verb} of ${literal(host.name)} did not start`}
            onClose=${() => setFailure(null)}
            actions=${html`<button type="button" class="btn" autofocus onClick=${() => setFailure(null)}>Close</button>`}
            >${failureNotice(failure)}<//
          >`
    }`;
}
