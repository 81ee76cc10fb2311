import { useState } from "preact/hooks";
import type { HostResource } from "../../protocol/api.ts";
import type { ApiFailure } from "../net/api.ts";
import { html, type Children } from "./html.ts";
import { lazyPart } from "./lazy.ts";
import { RunJobButton } from "./run-job.ts";

const RunDialog = lazyPart(async () => (await import("./run-dialog.ts")).RunDialog);

/** Starts a backup at once; where the host has several schedules, asks which one. */
export function RunBackupButton(props: {
  host: HostResource;
  scheduleId?: string;
  kind?: string;
  icon?: string;
  label?: string;
  because?: string | undefined;
  children: Children;
}) {
  const { host, scheduleId, ...button } = props;
  const [choosing, setChoosing] = useState(false);
  function choose(failure: ApiFailure): boolean {
    if (failure.code !== "schedule.choose") return false;
    setChoosing(true);
    return true;
  }
  return html`<${RunJobButton}
      ...${button}
      host=${host}
      body=${{ kind: "backup", ...(scheduleId === undefined ? {} : { scheduleId }) }}
      onRefused=${choose}
    />${choosing ? html`<${RunDialog} host=${host} onClose=${() => setChoosing(false)} />` : null}`;
}
