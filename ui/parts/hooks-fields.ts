import type { HostPolicy } from "../../protocol/schedule.ts";
import type { HookDraft, HooksDraft, HooksErrors } from "../state/hooks-draft.ts";
import { literal } from "../words/literal.ts";
import { policyCommand } from "../words/policy.ts";
import { commandText } from "./command-text.ts";
import { Field, SelectField } from "./field.ts";
import { html } from "./html.ts";
import { notice } from "./notice.ts";

/**
 * What runs before and after a backup: scripts of the host by name, and text only where the host's own policy takes it.
 * Administrators only.
 */
export function HooksFields(props: {
  draft: HooksDraft;
  errors: HooksErrors;
  hostName: string;
  policy: HostPolicy | undefined;
  set: (change: Partial<HooksDraft>) => void;
}) {
  const { draft, errors, policy, set } = props;
  const host = literal(props.hostName);
  const forbidden = policy?.allowHooks === "none";
  const field = (at: "pre" | "post", label: string, hint: string) =>
    html`<${HookField}
      label=${label}
      hint=${hint}
      hook=${draft[at]}
      error=${errors[at]}
      policy=${policy}
      set=${(change: Partial<HookDraft>) => set({ [at]: { ...draft[at], ...change } })}
    />`;
  return html`${
      forbidden
        ? notice(
            "warn",
            html`<b>${host} runs no hooks.</b>
              ${commandText(`To allow scripts of the host by name, run on it: ${policyCommand("allow_hooks", "named")}`)}`,
          )
        : null
    }
    ${field("pre", "Before the backup", "If it fails, the backup does not start.")}
    ${field("post", "After the backup", "Always runs. RM_JOB_STATUS is succeeded, failed or cancelled.")}
    <div class="cols cols-2">
      <${Field}
        label="End a hook after"
        unit="min"
        value=${draft.timeoutMinutes}
        error=${errors.timeoutMinutes}
        disabled=${forbidden}
        onInput=${(timeoutMinutes: string) => set({ timeoutMinutes })}
        hint="It and all it started are ended then."
      />
    </div>
    ${notice(
      "info",
      html`<span
          >This hook runs as the agent service user on ${host}, without the repository's secrets. Hooks are encrypted at
          rest and every edit is in the audit log.</span
        >
        ${
          policy?.allowHooks === "named"
            ? commandText(
                `To write hooks here instead of naming scripts, run on the host: ${policyCommand("allow_hooks", "remote")}`,
              )
            : null
        }`,
    )}`;
}

function HookField(props: {
  label: string;
  hint: string;
  hook: HookDraft;
  error: string | undefined;
  policy: HostPolicy | undefined;
  set: (change: Partial<HookDraft>) => void;
}) {
  const { hook, policy, set } = props;
  const allows = policy?.allowHooks ?? "named";
  const scripts = policy?.hooks ?? [];
  const missing = hook.kind === "named" && hook.name !== "" && !scripts.includes(hook.name);
  const options: [string, string][] = [
    ["none", "No hook"],
    ...scripts.map((name): [string, string] => [`named ${name}`, literal(name)]),
    ...(missing ? [[`named ${hook.name}`, `${literal(hook.name)} (not on the host)`] as [string, string]] : []),
    ...(allows === "remote" || hook.kind === "remote" ? [["remote", "Text written here"] as [string, string]] : []),
  ];
  const chosen = hook.kind === "named" ? `named ${hook.name}` : hook.kind;
  function choose(value: string): void {
    if (value.startsWith("named ")) set({ kind: "named", name: value.slice(6) });
    else set({ kind: value as "none" | "remote" });
  }
  const writes = hook.kind === "remote";
  return html`<div class="stack stack-2">
    <${SelectField}
      label=${props.label}
      value=${chosen}
      options=${options}
      disabled=${allows === "none"}
      onChange=${choose}
      error=${writes ? undefined : props.error}
      hint=${
        scripts.length === 0 && allows === "named"
          ? policy
            ? html`${props.hint} The host has no usable script in /etc/restic-manager/hooks.d: put one there, owned by
              root and writable by nobody else.`
            : html`${props.hint} The agent has not said yet which scripts the host has.`
          : props.hint
      }
    />
    ${
      writes
        ? html`<${Field}
            label=${html`<span class="sr">${props.label}, </span>Text`}
            mono
            rows=${4}
            value=${hook.text}
            disabled=${allows !== "remote"}
            error=${allows === "remote" ? props.error : "The host's policy no longer takes text; choose a script or no hook."}
            onInput=${(text: string) => set({ text })}
            hint="For the host's hook shell, which is set under the host's settings."
          />`
        : null
    }
  </div>`;
}
