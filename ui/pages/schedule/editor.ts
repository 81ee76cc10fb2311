import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { HooksResource, HostDetail, ScheduleResource } from "../../../protocol/api.ts";
import type { ApiFailure } from "../../net/api.ts";
import { api } from "../../net/endpoints.ts";
import { BusyButton } from "../../parts/button.ts";
import { commandText } from "../../parts/command-text.ts";
import { Crumbs } from "../../parts/crumbs.ts";
import { Switch } from "../../parts/field.ts";
import { html } from "../../parts/html.ts";
import { LeaveDialog } from "../../parts/leave-dialog.ts";
import { NextFires } from "../../parts/next-fires.ts";
import { failureNotice, notice } from "../../parts/notice.ts";
import { CareCard } from "../../parts/schedule-care.ts";
import { HooksCard } from "../../parts/schedule-hooks.ts";
import { KeepCard } from "../../parts/schedule-keep.ts";
import { KindCard } from "../../parts/schedule-kind.ts";
import { RemoveSchedule } from "../../parts/schedule-remove.ts";
import { SaveCard } from "../../parts/schedule-save.ts";
import { LimitsCard, ReadCard, WhatCard } from "../../parts/schedule-what.ts";
import { WhenCard } from "../../parts/schedule-when.ts";
import { hooksDraftOf, hooksFieldOf, readHooks, sameHooks, type HooksErrors } from "../../state/hooks-draft.ts";
import { useLeaveGuard } from "../../state/leaving.ts";
import { useRetentionPreview } from "../../state/retention-preview.ts";
import {
  changesOf,
  draftOf,
  fieldOf,
  inputOf,
  newDraft,
  readDraft,
  readKeep,
  type DraftChange,
  type DraftErrors,
  type DraftField,
} from "../../state/schedule-draft.ts";
import type { ScheduleForm } from "../../state/schedule-form.ts";
import { may } from "../../state/session.ts";
import { confirmDone } from "../../state/toast.ts";
import { failureWords } from "../../words/failure.ts";
import { literal } from "../../words/literal.ts";
import { countOf } from "../../words/size.ts";
import { ownZone } from "../../words/zoned-time.ts";

/**
 * The form of one schedule. What is typed stays until it is saved or given up, whatever happens on the server; the same
 * validator as the server's says what is wrong before anything is sent.
 */
export function ScheduleEditor(props: {
  detail: HostDetail;
  /** As it was read; null for a new one. */
  schedule: ScheduleResource | null;
  /** Null where there is none yet, or for whom they are none of their business. */
  hooks: HooksResource | null;
  /** Why they could not be read: then the rest can still be changed. */
  hooksFailure: ApiFailure | null;
  /** The server has a newer version than was opened. */
  outdated: boolean;
  onEdited: (is: boolean) => void;
  onSaved: (schedule: ScheduleResource) => void;
  openAnew: () => Promise<void>;
}) {
  const { detail, schedule } = props;
  const { route } = useLocation();
  const isNew = schedule === null;
  const back = `/hosts/${detail.id}/schedules`;
  const base = useMemo(
    () => (schedule ? draftOf(inputOf(schedule), ownZone()) : newDraft(detail.repositories[0]?.id ?? "", ownZone())),
    [schedule],
  );
  const baseHooks = useMemo(() => hooksDraftOf(props.hooks?.hooks ?? null, props.hooks?.unreadable), [props.hooks]);
  const [draft, setDraft] = useState(base);
  const [hooks, setHooks] = useState(baseHooks);
  const [left, setLeft] = useState<ReadonlySet<DraftField>>(new Set());
  const [judgesAll, setJudgesAll] = useState(false);
  const [refused, setRefused] = useState<DraftErrors>({});
  const [hooksRefused, setHooksRefused] = useState<HooksErrors>({});
  const [failure, setFailure] = useState<ApiFailure | null>(null);
  const [busy, setBusy] = useState(false);
  const [confirmed, setConfirmed] = useState<string | null>(null);
  const [plansRefused, setPlansRefused] = useState(0);
  const [leavingTo, setLeavingTo] = useState<string | null>(null);
  const form = useRef<HTMLFormElement>(null);

  const read = useMemo(() => readDraft(draft), [draft]);
  const preview = useRetentionPreview(
    detail.id,
    schedule?.id ?? null,
    readKeep(draft),
    `${detail.snapshotCount} ${plansRefused}`,
  );
  // A confirmation is for one plan: another plan is not confirmed.
  const plan = preview.stale ? null : preview.plan;
  const confirms = plan !== null && plan.fingerprint !== "" && plan.fingerprint === confirmed ? confirmed : null;

  const judged = judgesAll ? (read.errors ?? {}) : only(read.errors ?? {}, left);
  const errors: DraftErrors = { ...judged, ...refused };
  const showsHooks = draft.kind === "backup" && may("hook.write") && props.hooksFailure === null;
  const readHook = readHooks(hooks);
  const hooksErrors: HooksErrors = { ...(judgesAll && !readHook.ok ? readHook.errors : {}), ...hooksRefused };
  const hooksChanged = showsHooks && !sameHooks(baseHooks, hooks);
  const edits = changesOf(base, draft);
  const changes: DraftChange[] = [
    ...edits,
    ...(hooksChanged ? [{ label: "Hooks", before: "", after: hooks.own ? "changed" : "as the host's default" }] : []),
    ...(confirms === null
      ? []
      : [{ label: "Forget now", before: "", after: countOf(plan!.removed.length, "snapshot") }]),
  ];
  const faults = Object.keys(errors).length + (showsHooks ? Object.keys(hooksErrors).length : 0);
  const dirty = edits.length > 0 || hooksChanged || (isNew && draft.kind !== base.kind);

  useEffect(() => props.onEdited(dirty), [dirty]);
  useLeaveGuard(dirty && !busy, setLeavingTo);

  const fields: ScheduleForm = {
    draft,
    set(change) {
      setDraft((old) => ({ ...old, ...change }));
      setRefused((old) => without(old, [...(Object.keys(change) as DraftField[]), "keep"]));
    },
    error: (field) => errors[field],
    left: (field) => () => setLeft((old) => (old.has(field) ? old : new Set([...old, field]))),
  };

  /** Shows all that is wrong and goes to the first of it. */
  function showFaults(): void {
    setJudgesAll(true);
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  }

  function refuse(answer: ApiFailure): void {
    setBusy(false);
    setFailure(answer);
    if (answer.code === "forget.plan_changed") {
      setConfirmed(null);
      setPlansRefused((old) => old + 1);
    }
    const given = Object.entries(answer.fields);
    setRefused(Object.fromEntries(given.map(([path, message]) => [fieldOf(path), message])));
    if (given.length > 0) showFaults();
  }

  async function save(event: Event): Promise<void> {
    event.preventDefault();
    if (busy) return;
    if (read.input === null || (showsHooks && !readHook.ok)) return showFaults();
    setBusy(true);
    setFailure(null);
    let saved = schedule;
    // What is turned on must not run before its hooks are there.
    const first = { ...read.input, enabled: read.input.enabled && (!hooksChanged || schedule?.enabled === true) };
    if (schedule === null || edits.length > 0 || confirms !== null) {
      const answer =
        schedule === null
          ? await api.createSchedule(detail.id, first)
          : await api.putSchedule(detail.id, schedule.id, {
              ...first,
              version: schedule.version,
              ...(confirms === null ? {} : { confirmPlan: confirms }),
            });
      if (!answer.ok) return refuse(answer.failure);
      saved = answer.value;
    }
    if (hooksChanged && readHook.ok) {
      const answer = await api.putScheduleHooks(detail.id, saved!.id, {
        hooks: readHook.hooks,
        version: props.hooks?.version ?? 0,
      });
      if (!answer.ok)
        return keepHooks(
          answer.failure,
          saved!,
          first.enabled === read.input.enabled ? "" : " It stays off until they are.",
        );
      if (first.enabled !== read.input.enabled) {
        const on = await api.putSchedule(detail.id, saved!.id, { ...read.input, version: saved!.version });
        if (!on.ok) {
          confirmDone(`Schedule saved, but it is still off. ${on.failure.message}`.trim());
          return route(back);
        }
      }
    }
    props.onEdited(false);
    confirmDone(
      detail.online ? "Schedule saved and sent to the agent" : "Schedule saved, applied when the host is back",
    );
    route(back);
  }

  /** The schedule is saved, its hooks are not: a new one goes on as one that exists. */
  function keepHooks(answer: ApiFailure, saved: ScheduleResource, stays: string): void {
    setBusy(false);
    setConfirmed(null);
    setFailure({ ...answer, message: `The schedule is saved, its hooks are not.${stays} ${answer.message}`.trim() });
    setHooksRefused(
      Object.fromEntries(Object.entries(answer.fields).map(([path, message]) => [hooksFieldOf(path), message])),
    );
    props.onSaved(saved);
    if (isNew) history.replaceState(null, "", `${back}/${saved.id}`);
  }

  // How it stands moves without a new version.
  const running = detail.schedules.find(({ id }) => id === schedule?.id);
  const name = literal(schedule?.name ?? "");
  return html`<form class="stack stack-4" ref=${form} noValidate onSubmit=${save} aria-labelledby="schedule-title">
    <header class="phead">
      <div>
        <${Crumbs} host=${{ id: detail.id, name: literal(detail.name) }} here=${html`<a href=${back}>Schedules</a>`} />
        <h1 id="schedule-title">${isNew ? "New schedule" : `Edit schedule ${name}`}</h1>
      </div>
      <${Switch} checked=${draft.enabled} onChange=${(enabled: boolean) => fields.set({ enabled })}
        >Schedule is ${draft.enabled ? "on" : "off"}<//
      >
    </header>
    ${failure === null ? null : html`<${Failure} failure=${failure} openAnew=${props.openAnew} />`}
    ${
      props.outdated && failure === null
        ? notice(
            "warn",
            html`<b>Someone else changed this schedule meanwhile.</b>
              <span>What you typed cannot be saved over it. Open it again and make the change there.</span>
              <div><${BusyButton} kind="sm" icon="refresh" onPress=${props.openAnew}>Open it again<//></div>`,
            "status",
          )
        : null
    }
    ${running ? html`<${Standing} schedule=${running} />` : null}
    <div class="cols">
      <div class="stack">
        <${KindCard} form=${fields} isNew=${isNew} repositories=${detail.repositories} policy=${detail.policy} />
        <${WhenCard} form=${fields} />
        ${draft.kind === "backup" ? html`<${WhatCard} form=${fields} policy=${detail.policy} windows=${detail.os === "windows"} />` : null}
        ${draft.kind === "check" ? html`<${ReadCard} form=${fields} />` : null}
        ${draft.kind === "forget" || draft.kind === "prune" ? html`<${CareCard} detail=${detail} draft=${draft} />` : null}
        ${
          draft.kind === "backup"
            ? html`<${KeepCard}
                form=${fields}
                detail=${detail}
                isNew=${isNew}
                preview=${preview}
                confirmed=${confirms}
                confirm=${setConfirmed}
              />`
            : null
        }
        ${draft.kind === "forget" ? null : html`<${LimitsCard} form=${fields} />`}
        ${
          draft.kind === "backup"
            ? html`<${HooksCard}
                detail=${detail}
                hasHooks=${schedule?.hasHooks ?? false}
                failure=${props.hooksFailure}
                unreadable=${props.hooks?.unreadable ?? false}
                draft=${hooks}
                errors=${hooksErrors}
                set=${(change: Partial<typeof hooks>) => {
                  setHooks((old) => ({ ...old, ...change }));
                  setHooksRefused({});
                }}
              />`
            : null
        }
      </div>
      <aside class="stack sticky">
        <${NextFires} draft=${draft} scheduleId=${schedule?.id ?? null} />
        <${SaveCard}
          isNew=${isNew}
          changes=${changes}
          faults=${faults}
          busy=${busy}
          back=${back}
          then=${
            detail.online
              ? `${literal(detail.name)} is online and gets version ${detail.scheduleVersion + 1} at once.`
              : "Applied when the host is back."
          }
        />
        ${
          schedule === null
            ? null
            : html`<${RemoveSchedule}
                host=${detail}
                schedule=${schedule}
                onRemoved=${() => {
                  props.onEdited(false);
                  setDraft(base);
                  setHooks(baseHooks);
                  confirmDone("Schedule removed");
                  route(back);
                }}
              />`
        }
      </aside>
    </div>
    ${
      leavingTo === null
        ? null
        : html`<${LeaveDialog} onStay=${() => setLeavingTo(null)} onLeave=${() => route(leavingTo)} />`
    }
  </form>`;
}

/** What is out of the ordinary with the schedule as it runs now. */
function Standing({ schedule }: { schedule: ScheduleResource }) {
  return html`${
    schedule.refused
      ? notice(
          "bad",
          html`<b>The host does not use this schedule.</b>
            ${commandText(schedule.refused.message ?? failureWords(schedule.refused.code).says)}`,
        )
      : null
  }${
    schedule.heldJobId === undefined
      ? null
      : notice(
          "warn",
          html`<b>A forget of this schedule is held.</b> <a href=${`/jobs/${schedule.heldJobId}`}>Look at the plan</a>`,
        )
  }`;
}

/** Why it was not saved; after somebody else's change, the way to theirs. */
function Failure({ failure, openAnew }: { failure: ApiFailure; openAnew: () => Promise<void> }) {
  if (failure.code !== "schedule.changed") return failureNotice(failure);
  return failureNotice(
    { ...failure, message: "What you typed is still here, but it was made on an older version." },
    { actions: html`<div><${BusyButton} kind="sm" icon="refresh" onPress=${openAnew}>Open it again<//></div>` },
  );
}

function only(errors: DraftErrors, fields: ReadonlySet<DraftField>): DraftErrors {
  return Object.fromEntries(Object.entries(errors).filter(([field]) => fields.has(field as DraftField)));
}

function without(errors: DraftErrors, fields: readonly DraftField[]): DraftErrors {
  return Object.fromEntries(Object.entries(errors).filter(([field]) => !fields.includes(field as DraftField)));
}
