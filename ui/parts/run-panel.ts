import { useState } from "preact/hooks";
import type { HostDetail } from "../../protocol/api.ts";
import { now } from "../state/clock.ts";
import { activeByHost } from "../state/fleet.ts";
import { may } from "../state/session.ts";
import { literal } from "../words/literal.ts";
import { lockText } from "../words/locks.ts";
import { policyCommand } from "../words/policy.ts";
import { countOf } from "../words/size.ts";
import { JOB_KIND } from "../words/status.ts";
import { CheckDialog, ForgetDialog, keepsBy, PruneDialog, UnlockDialog } from "./care-dialogs.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";
import { RunDialog } from "./run-dialog.ts";
import { RunJobButton, whyNotNow } from "./run-job.ts";

const DIALOGS = {
  backup: RunDialog,
  check: CheckDialog,
  forget: ForgetDialog,
  prune: PruneDialog,
  unlock: UnlockDialog,
};
type Asked = keyof typeof DIALOGS;

/** What can be done with a host's repository now; what cannot says why. */
export function RunPanel({ detail }: { detail: HostDetail }) {
  const [asking, setAsking] = useState<Asked | null>(null);
  const active = activeByHost.value.get(detail.id);
  const notNow = whyNotNow(detail) ?? (detail.repositories.length === 0 ? "The host has no repository." : undefined);
  const row = (kind: Asked, mark: string, title: string, line: Children, word: string, because?: string) =>
    html`<li class="item">
      ${icon(mark, "i-lg faint")}
      <div class="grow">
        <h3>${title}</h3>
        <p class="fs12 faint">${because ?? line}</p>
      </div>
      <button
        type="button"
        class="btn sm"
        disabled=${because !== undefined || notNow !== undefined}
        title=${because ?? notNow}
        aria-label=${`${title}: ${word}`}
        onClick=${() => setAsking(kind)}
      >
        ${word}
      </button>
    </li>`;
  const backups = detail.schedules.filter((schedule) => schedule.kind === "backup" && schedule.enabled);
  const keeping = detail.schedules.filter(keepsBy);
  const dialog = asking === null ? null : DIALOGS[asking];
  return html`<section class="card" aria-labelledby="run-now">
    <div class="chead">
      <h2 id="run-now">Run now</h2>
      ${notNow === undefined ? null : html`<span class="fs12 faint">${notNow}</span>`}
    </div>
    <ul class="list">
      ${row(
        "backup",
        "play",
        "Back up",
        backups.length === 1 ? `Schedule ${literal(backups[0]!.name)}` : `One of ${backups.length} schedules`,
        "Run…",
        backups.length === 0 ? "No backup schedule is switched on." : undefined,
      )}
      ${row("check", "shield", "Check", "Verify the structure and, if you like, data", "Run…")}
      ${row(
        "forget",
        "forget",
        "Forget",
        keeping.length === 1 ? `Apply the rules of ${literal(keeping[0]!.name)}` : "Apply the rules of a schedule",
        "Preview",
        keeping.length === 0 ? "No schedule has rules for what to keep." : undefined,
      )}
      ${row("prune", "prune", "Prune", pruneLine(detail), "Run…", whyNoPrune(detail))}
      ${row("unlock", "unlock", "Unlock", lockLine(detail), "Unlock…")}
      <li class="item">
        ${icon("gauge", "i-lg faint")}
        <div class="grow">
          <h3>Measure</h3>
          <p class="fs12 faint">Read size, locks and whether data can be deleted</p>
        </div>
        <${RunJobButton}
          host=${detail}
          body=${{ kind: "stats", ...onlyRepository(detail) }}
          kind="sm"
          label="Measure: Run"
          because=${notNow}
          >Run<//
        >
      </li>
    </ul>
    ${
      active
        ? html`<div class="cfoot">
            <span
              >Others wait until the <a href=${`/jobs/${active.jobId}`}>${JOB_KIND[active.kind].verb}</a> ends.</span
            >
          </div>`
        : null
    }
    ${dialog === null ? null : html`<${dialog} host=${detail} schedules=${detail.schedules} onClose=${() => setAsking(null)} />`}
  </section>`;
}

/** Names the repository where there are several, the first: the server takes the only one by itself. */
function onlyRepository(detail: HostDetail): { repositoryId?: string } {
  const first = detail.repositories[0];
  return detail.repositories.length > 1 && first ? { repositoryId: first.id } : {};
}

function whyNoPrune(detail: HostDetail): string | undefined {
  if (!may("job.prune")) return "Only an admin prunes: it deletes data.";
  if (detail.policy?.allowPrune === false)
    return `The host does not allow it. Run on it: ${policyCommand("allow_prune", "true")}`;
  return undefined;
}

function pruneLine({ repositories }: HostDetail): string {
  return repositories.length > 0 && repositories.every((one) => one.appendOnly === true && one.admin === undefined)
    ? "The storage is append-only: it needs an admin credential"
    : "Free the data of forgotten snapshots";
}

function lockLine(detail: HostDetail): string {
  const active = activeByHost.value.get(detail.id);
  const locks = detail.repositories.flatMap((repository) => repository.locks ?? []);
  if (active?.state === "running") return `Locked by the running ${JOB_KIND[active.kind].verb}`;
  if (locks.length === 1) return `Locked by ${literal(lockText(locks[0]!, now.value))}`;
  if (locks.length > 1) return countOf(locks.length, "lock");
  return "No lock is known";
}
