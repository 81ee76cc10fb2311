import { useState } from "preact/hooks";
import type { HostDetail, HostHooksResource } from "../../../protocol/api.ts";
import { hookShell } from "../../../protocol/schedule.ts";
import * as v from "valibot";
import type { ApiFailure } from "../../net/api.ts";
import { api } from "../../net/endpoints.ts";
import { BusyButton } from "../../parts/button.ts";
import { Field } from "../../parts/field.ts";
import { HooksFields } from "../../parts/hooks-fields.ts";
import { html } from "../../parts/html.ts";
import { loaded, skeletonLines, useLoad } from "../../parts/load.ts";
import { failureNotice } from "../../parts/notice.ts";
import { unreadableHooks } from "../../parts/schedule-hooks.ts";
import { statusPill } from "../../parts/status-pill.ts";
import { hooksDraftOf, hooksFieldOf, readHooks, type HooksDraft, type HooksErrors } from "../../state/hooks-draft.ts";
import { confirmDone } from "../../state/toast.ts";
import { sentence } from "../../words/sentence.ts";

/** The hooks of those backup schedules of a host that have none of their own, and the shell that reads written ones. */
export function HostHooks({ detail, reload }: { detail: HostDetail; reload: () => Promise<void> }) {
  const hooks = useLoad(detail.id, () => api.hostHooks(detail.id));
  const [saved, setSaved] = useState<HostHooksResource | null>(null);
  return html`<section class="card" aria-labelledby="host-hooks">
    <div class="chead wrap">
      <h2 id="host-hooks">Default hooks</h2>
      ${statusPill({ word: "Admins only", icon: "lock", tone: "idle" })}
    </div>
    ${loaded(
      hooks,
      (read) => {
        const current = saved ?? read;
        return html`<${Form}
          key=${current.version}
          detail=${detail}
          current=${current}
          onSaved=${async (next: HostHooksResource) => {
            setSaved(next);
            await reload();
          }}
          openAnew=${async () => {
            setSaved(null);
            await hooks.reload();
          }}
        />`;
      },
      skeletonLines(4),
    )}
  </section>`;
}

function Form(props: {
  detail: HostDetail;
  current: HostHooksResource;
  onSaved: (next: HostHooksResource) => Promise<void>;
  openAnew: () => Promise<void>;
}) {
  const { detail, current } = props;
  // A host has hooks or none: there is nothing further to fall back on.
  const [draft, setDraft] = useState<HooksDraft>({ ...hooksDraftOf(current.hooks), own: true });
  const [shell, setShell] = useState(current.shell);
  const [judges, setJudges] = useState(false);
  const [refused, setRefused] = useState<HooksErrors>({});
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const [busy, setBusy] = useState(false);

  const read = readHooks(draft);
  const shellIssue = v.safeParse(hookShell, shell.trim()).issues?.[0];
  const shellError = failure?.fields["shell"] ?? (shellIssue && sentence(shellIssue.message));
  const errors: HooksErrors = { ...(judges && !read.ok ? read.errors : {}), ...refused };

  async function save(event: Event): Promise<void> {
    event.preventDefault();
    if (busy) return;
    if (!read.ok || shellIssue) return setJudges(true);
    setBusy(true);
    const hooks = read.hooks?.pre || read.hooks?.post ? read.hooks : null;
    const answer = await api.putHostHooks(detail.id, { hooks, shell: shell.trim(), version: current.version });
    setBusy(false);
    if (!answer.ok) {
      setRefused(
        Object.fromEntries(
          Object.entries(answer.failure.fields)
            .filter(([path]) => path !== "shell")
            .map(([path, message]) => [hooksFieldOf(path), message]),
        ),
      );
      return setFailure(answer.failure);
    }
    setFailure(null);
    confirmDone(detail.online ? "Hooks saved and sent to the agent" : "Hooks saved, applied when the host is back");
    await props.onSaved(answer.value);
  }

  return html`<form class="pad stack" noValidate onSubmit=${save} aria-labelledby="host-hooks">
    ${
      failure === null || Object.keys(failure.fields).length > 0
        ? null
        : failureNotice(
            failure,
            failure.status === 409
              ? {
                  actions: html`<div>
                    <${BusyButton} kind="sm" icon="refresh" onPress=${props.openAnew}>Open them again<//>
                  </div>`,
                }
              : {},
          )
    }
    ${current.unreadable ? unreadableHooks() : null}
    <p class="fs13 dim">They run for every backup schedule of this host that has no hooks of its own.</p>
    <${HooksFields}
      draft=${draft}
      errors=${errors}
      hostName=${detail.name}
      policy=${detail.policy}
      set=${(change: Partial<HooksDraft>) => {
        setDraft((old) => ({ ...old, ...change }));
        setRefused({});
      }}
    />
    <${Field}
      label="Hook shell"
      mono
      value=${shell}
      error=${shellError}
      onInput=${(text: string) => {
        setShell(text);
        setFailure(null);
      }}
      hint="An absolute path on the host. It reads hooks that are written here, as a file."
    />
    <div><${BusyButton} type="submit" kind="primary" busy=${busy}>Save hooks<//></div>
  </form>`;
}
