import { useState } from "preact/hooks";
import type { HostDetail, RepositoryResource, ScheduleResource } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { now } from "../state/clock.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { lockText } from "../words/locks.ts";
import { countOf } from "../words/size.ts";
import { Field, SelectField, Tick } from "./field.ts";
import { html } from "./html.ts";
import { JobDialog } from "./job-dialog.ts";
import { limitsOf, LimitFields, NO_LIMITS } from "./limit-fields.ts";
import { loaded, skeletonLines, useLoad } from "./load.ts";
import { notice } from "./notice.ts";
import { planView } from "./plan-view.ts";

interface Asked {
  host: HostDetail;
  onClose: () => void;
}

/** Which repository a job is for; asked only where a host has several. */
function RepositoryChoice(props: { host: HostDetail; value: string; onChange: (id: string) => void }) {
  if (props.host.repositories.length < 2) return null;
  return html`<${SelectField}
    label="Repository"
    value=${props.value}
    options=${props.host.repositories.map((repository) => [repository.id, literal(repository.address)] as const)}
    onChange=${props.onChange}
  />`;
}

const firstOf = (host: HostDetail): string => host.repositories[0]?.id ?? "";

/** How much a check reads, then runs it. */
export function CheckDialog({ host, onClose }: Asked) {
  const [repositoryId, setRepositoryId] = useState(firstOf(host));
  const [reads, setReads] = useState("none");
  const [percent, setPercent] = useState("5");
  const [typed, setTyped] = useState(NO_LIMITS);
  const limits = limitsOf(typed, {});
  const part = /^\d{1,3}$/.test(percent) ? Number(percent) : 0;
  const wrong = reads === "part" && (part < 1 || part > 100);
  const readData =
    reads === "none"
      ? ({ mode: "none" } as const)
      : ({ mode: "percent", percent: reads === "all" ? 100 : part } as const);
  return html`<${JobDialog}
    title=${`Check the repository of ${literal(host.name)}?`}
    host=${host}
    action="Run check"
    onClose=${onClose}
    body=${wrong || limits === null ? null : { kind: "check", repositoryId, readData, limits }}
  >
    <${RepositoryChoice} host=${host} value=${repositoryId} onChange=${setRepositoryId} />
    <${SelectField}
      label="How much to read"
      value=${reads}
      options=${[
        ["none", "The structure only"],
        ["part", "The structure and a random part of the data"],
        ["all", "The structure and all data"],
      ]}
      onChange=${setReads}
      hint=${reads === "none" ? "Quick; finds missing files, not damaged ones." : "What is read travels to the host."}
    />
    ${
      reads === "part"
        ? html`<${Field}
            label="Part of the data"
            unit="%"
            value=${percent}
            onInput=${setPercent}
            error=${wrong ? "Enter a whole number from 1 to 100." : undefined}
            hint="Another random part each time."
          />`
        : null
    }
    ${reads === "none" ? null : html`<${LimitFields} typed=${typed} own=${{}} onChange=${setTyped} />`}
  <//>`;
}

/** Shows what the rules of a schedule would drop now, then forgets it. */
export function ForgetDialog({ host, onClose }: Asked) {
  const choices = host.schedules.filter(keepsBy);
  const [scheduleId, setScheduleId] = useState(choices[0]?.id ?? "");
  const schedule = choices.find((choice) => choice.id === scheduleId);
  const plan = useLoad(scheduleId, () =>
    api.previewRetention(host.id, scheduleId, { keep: schedule!.retention!.keep }),
  );
  const removed = plan.value?.removed.length ?? 0;
  const held = (plan.value?.held.length ?? 0) > 0;
  const because = plan.value === null ? "The plan is being read." : removed === 0 ? "Nothing would go." : undefined;
  return html`<${JobDialog}
    title=${`Forget snapshots of ${literal(host.name)}?`}
    host=${host}
    action=${removed === 0 ? "Forget snapshots" : `${held ? "Ask to forget" : "Forget"} ${countOf(removed, "snapshot")}`}
    danger=${!held}
    onClose=${onClose}
    because=${because ?? (plan.value?.hostRefusal === undefined ? undefined : "The host's policy forbids it.")}
    body=${{ kind: "forget", scheduleId }}
  >
    ${
      choices.length > 1
        ? html`<${SelectField}
            label="Schedule"
            value=${scheduleId}
            options=${choices.map((choice) => [choice.id, literal(choice.name)] as const)}
            onChange=${setScheduleId}
          />`
        : null
    }
    ${loaded(plan, planView, skeletonLines(4))}
  <//>`;
}

type KeepingSchedule = Extract<ScheduleResource, { kind: "backup" }>;
export function keepsBy(schedule: ScheduleResource): schedule is KeepingSchedule {
  return schedule.kind === "backup" && schedule.retention !== null;
}

/** Says what a prune does, and starts it once the host's name is typed. */
export function PruneDialog({ host, onClose }: Asked) {
  const [repositoryId, setRepositoryId] = useState(firstOf(host));
  const [name, setName] = useState("");
  const [typed, setTyped] = useState(NO_LIMITS);
  const limits = limitsOf(typed, {});
  const repository = host.repositories.find((one) => one.id === repositoryId);
  return html`<${JobDialog}
    title=${`Prune the repository of ${literal(host.name)}?`}
    host=${host}
    action="Prune repository"
    danger
    onClose=${onClose}
    because=${name === host.name ? undefined : "Type the host's name first."}
    body=${limits === null ? null : { kind: "prune", repositoryId, limits }}
  >
    <p class="fs13 dim">
      Data that no snapshot needs is removed for good. Snapshots stay. Other jobs on this repository wait until it ends.
    </p>
    ${pruneNote(host, repository)}
    <${RepositoryChoice} host=${host} value=${repositoryId} onChange=${setRepositoryId} />
    <${LimitFields} typed=${typed} own=${{}} onChange=${setTyped} />
    <${Field}
      label=${html`Type <span class="mono semi">${literal(host.name)}</span> to confirm`}
      mono
      value=${name}
      onInput=${setName}
    />
  <//>`;
}

function pruneNote(host: HostDetail, repository: RepositoryResource | undefined) {
  if (repository?.lastCheck?.ok === false)
    return notice(
      "bad",
      html`<b>The last check failed.</b> <span>A prune of a damaged repository can lose more.</span>`,
    );
  if (repository?.appendOnly === true && repository.admin === undefined)
    return notice(
      "warn",
      html`<b>The storage is append-only, so it will refuse.</b>
        <span><a href=${`/hosts/${host.id}/repository`}>Add an admin credential</a> first, which may delete.</span>`,
    );
  return null;
}

/** Says who holds what, and removes locks whose process is gone. */
export function UnlockDialog({ host, onClose }: Asked) {
  const [repositoryId, setRepositoryId] = useState(firstOf(host));
  const [removeAll, setRemoveAll] = useState(false);
  const repository = host.repositories.find((one) => one.id === repositoryId);
  const locks = repository?.locks;
  return html`<${JobDialog}
    title=${`Unlock the repository of ${literal(host.name)}?`}
    host=${host}
    action=${removeAll ? "Remove all locks" : "Unlock repository"}
    danger=${removeAll}
    onClose=${onClose}
    body=${{ kind: "unlock", repositoryId, removeAll }}
  >
    <${RepositoryChoice} host=${host} value=${repositoryId} onChange=${setRepositoryId} />
    ${
      locks === undefined
        ? html`<p class="fs13 dim">Who holds a lock is not known yet; measuring the repository tells.</p>`
        : locks.length === 0
          ? html`<p class="fs13 dim">No lock was there when it was last measured.</p>`
          : html`<ul class="stack stack-1 fs13">
              ${locks.map((lock) => html`<li key=${lock.id}>${literal(lockText(lock, now.value))}</li>`)}
            </ul>`
    }
    <p class="fs13 dim">Locks whose process is gone are removed. One that a running restic holds stays.</p>
    ${
      may("job.unlock_all")
        ? html`<${Tick} checked=${removeAll} onChange=${setRemoveAll}
            >Also remove locks that a running restic holds. Only when you know that none runs.<//
          >`
        : null
    }
  <//>`;
}
