import type { HostDetail } from "../../protocol/api.ts";
import type { ScheduleDraft } from "../state/schedule-draft.ts";
import { literal } from "../words/literal.ts";
import { html, type Children } from "./html.ts";
import { notice } from "./notice.ts";

/** What a forget or prune schedule will do, as things stand, and what stands in its way. */
export function CareCard({ detail, draft }: { detail: HostDetail; draft: ScheduleDraft }) {
  return html`<section class="card" aria-labelledby="does">
    <div class="chead"><h2 id="does">What it does</h2></div>
    <div class="pad stack">
      ${
        draft.kind === "forget"
          ? html`<${Waiting} detail=${detail} draft=${draft} />`
          : html`<p class="fs13 dim">
              It deletes the data that no snapshot uses any more. Snapshots are not touched. Backups into the same
              repository wait meanwhile.
            </p>`
      }
      ${appendOnlyNotice(detail, draft.repositoryId)}
    </div>
  </section>`;
}

function Waiting({ detail, draft }: { detail: HostDetail; draft: ScheduleDraft }) {
  const waiting = detail.schedules.filter(
    (schedule) =>
      schedule.kind === "backup" &&
      schedule.repositoryId === draft.repositoryId &&
      schedule.retention?.when === "forget_schedule",
  );
  if (waiting.length === 0)
    return notice(
      "warn",
      html`<b>No backup schedule waits for it.</b>
        <span>Under Keep, let one of this repository be applied when a forget schedule runs.</span>`,
    );
  return html`<p class="fs13 dim">
    It applies the rules of
    ${waiting.map(({ name }, i) => html`${i > 0 ? ", " : ""}<b class="semi">${literal(name)}</b>`)}.
  </p>`;
}

/** Said where rules wait for a forget schedule that does not exist; null where one does. */
export function nothingForgets(detail: HostDetail, draft: ScheduleDraft): Children {
  if (draft.kind !== "backup" || !draft.retains || draft.retentionWhen !== "forget_schedule") return null;
  const runs = detail.schedules.some(
    (schedule) => schedule.kind === "forget" && schedule.enabled && schedule.repositoryId === draft.repositoryId,
  );
  return runs
    ? null
    : notice(
        "warn",
        html`<b>Nothing is forgotten yet.</b>
          <span
            >This repository has no forget schedule that is on. Add one, or apply the rules after each backup.</span
          >`,
      );
}

/** What deletes data needs the second credential where the first may only add. */
function appendOnlyNotice(detail: HostDetail, repositoryId: string): Children {
  const repository = detail.repositories.find(({ id }) => id === repositoryId);
  if (repository?.appendOnly !== true || repository.admin) return null;
  return notice(
    "warn",
    html`<b>The repository only lets this host add data.</b>
      <span>Its storage will refuse this until an admin sets the second credential under the host's settings.</span>`,
  );
}
