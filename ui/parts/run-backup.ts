import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { HostResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { literal } from "../words/literal.ts";
import { BusyButton } from "./button.ts";
import { Dialog } from "./dialog.ts";
import { html, type Children } from "./html.ts";
import { failureNotice } from "./notice.ts";

/** Why a backup of this host cannot start now; undefined when it can. */
export function whyNotNow(host: Pick<HostResource, "online" | "locked">): string | undefined {
  if (host.locked) return "The host is locked: two machines claim to be it.";
  return host.online ? undefined : "The host is offline.";
}

/** Starts a backup and lands on its live page; a refusal is said in a dialog, with what to do. */
export function RunBackupButton(props: {
  host: HostResource;
  scheduleId?: string;
  verbose?: boolean;
  kind?: string;
  icon?: string;
  label?: string;
  because?: string | undefined;
  children: Children;
}) {
  const { route } = useLocation();
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  async function run(): Promise<void> {
    const answer = await api.runJob(props.host.id, {
      kind: "backup",
      verbose: props.verbose ?? false,
      ...(props.scheduleId === undefined ? {} : { scheduleId: props.scheduleId }),
    });
    if (answer.ok) route(`/jobs/${answer.value.id}`);
    else setFailure(answer.failure);
  }
  return html`<${BusyButton}
      kind=${props.kind}
      icon=${props.icon}
      label=${props.label}
      because=${props.because ?? whyNotNow(props.host)}
      onPress=${run}
      >${props.children}<//
    >${
      failure === null
        ? null
        : html`<${Dialog}
            title=${`The backup of ${literal(props.host.name)} did not start`}
            onClose=${() => setFailure(null)}
            actions=${html`<button type="button" class="btn" autofocus onClick=${() => setFailure(null)}>Close</button>`}
            >${failureNotice(failure)}<//
          >`
    }`;
}
