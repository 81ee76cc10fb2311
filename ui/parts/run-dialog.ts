import { useState } from "preact/hooks";
import type { HostDetail, HostResource } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { literal } from "../words/literal.ts";
import { SelectField, Tick } from "./field.ts";
import { html } from "./html.ts";
import { JobDialog } from "./job-dialog.ts";
import { limitsOf, LimitFields, NO_LIMITS } from "./limit-fields.ts";
import { loaded, useLoad } from "./load.ts";

/** Asks which schedule to run and how, then runs its backup. Reads the host's schedules where it is not given them. */
export function RunDialog(props: { host: HostResource; schedules?: HostDetail["schedules"]; onClose: () => void }) {
  if (props.schedules) return html`<${Ask} ...${props} schedules=${props.schedules} />`;
  return html`<${AskAfterReading} ...${props} />`;
}

function AskAfterReading({ host, onClose }: { host: HostResource; onClose: () => void }) {
  const detail = useLoad(host.id, () => api.host(host.id));
  return loaded(detail, (value) => html`<${Ask} host=${host} schedules=${value.schedules} onClose=${onClose} />`, null);
}

function Ask({ host, schedules, onClose }: Required<Parameters<typeof RunDialog>[0]>) {
  const choices = schedules.filter((schedule) => schedule.kind === "backup" && schedule.enabled);
  const manual = choices.filter((schedule) => schedule.manual);
  const only = manual.length === 1 ? manual[0] : choices.length === 1 ? choices[0] : undefined;
  const [scheduleId, setScheduleId] = useState(only?.id ?? "");
  const [typed, setTyped] = useState(NO_LIMITS);
  const [verbose, setVerbose] = useState(false);
  const schedule = choices.find((choice) => choice.id === scheduleId);
  const limits = limitsOf(typed, schedule?.limits ?? {});
  const isTyped = typed.upload !== "" || typed.download !== "";
  return html`<${JobDialog}
    title=${`Back up ${literal(host.name)}?`}
    host=${host}
    action="Run backup"
    onClose=${onClose}
    because=${choices.length === 0 ? "No backup schedule is switched on." : schedule ? undefined : "Choose a schedule."}
    body=${schedule && limits ? { kind: "backup", scheduleId, verbose, ...(isTyped ? { limits } : {}) } : null}
  >
    <${SelectField}
      label="Schedule"
      value=${scheduleId}
      options=${[...(only ? [] : [["", "Choose one"] as const]), ...choices.map((c) => [c.id, literal(c.name)] as const)]}
      onChange=${setScheduleId}
      hint=${schedule?.kind === "backup" ? html`<span class="mono">${schedule.paths.map(literal).join(" ")}</span>` : ""}
    />
    <${LimitFields} typed=${typed} own=${schedule?.limits ?? {}} onChange=${setTyped} />
    <${Tick} checked=${verbose} onChange=${setVerbose}>List every file in the log<//>
  <//>`;
}
