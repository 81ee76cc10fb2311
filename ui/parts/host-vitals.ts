import type { HostDetail, RepositoryResource } from "../../protocol/api.ts";
import { now } from "../state/clock.ts";
import { activeByHost } from "../state/fleet.ts";
import { readText } from "../words/check-read.ts";
import { literal } from "../words/literal.ts";
import { countText, ratioText, sizeText } from "../words/size.ts";
import { absoluteText, durationText, whenText } from "../words/time.ts";
import { lastBackupLine } from "./host-row.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";
import { Ago } from "./time.ts";

const CLOCK_WRONG_MS = 60_000;

/** Six numbers that say how a host is. */
export function HostVitals({ host }: { host: HostDetail }) {
  return html`<section class="card vitals" aria-label="Vitals">
    ${lastBackup(host)} ${nextRun(host)} ${repositorySize(host.repositories)}
    ${vital("Snapshots", host.snapshotCount === 0 ? "none" : countText(host.snapshotCount), html`<span>in the repository</span>`)}
    ${lastCheck(host.repositories)} ${agent(host)}
  </section>`;
}

function vital(name: string, value: Children, line: Children) {
  return html`<div>
    <span>${name}</span><b>${value}</b>
    ${line}
  </div>`;
}

function lastBackup(host: HostDetail) {
  if (host.lastBackupAtMs === undefined)
    return vital("Last backup", "never", html`<span>run one to be protected</span>`);
  const outcome = host.lastBackupOutcome;
  const [tone, mark] =
    outcome === "succeeded" ? ["t-ok", "ok"] : outcome === "warnings" ? ["t-warn", "warn"] : ["t-bad", "bad"];
  return vital(
    "Last backup",
    html`<${Ago} at=${host.lastBackupAtMs} />`,
    html`<span class=${tone}>${icon(mark, "i-sm")} ${lastBackupLine(host)}</span>`,
  );
}

function nextRun(host: HostDetail) {
  const due = host.nextDueAtMs;
  const active = activeByHost.value.get(host.id);
  const when = due === undefined ? "" : whenText(due, now.value);
  if (active?.kind === "backup" && active.state === "running")
    return vital("Next run", "Running now", html`<span>${due === undefined ? "by hand" : `then ${when}`}</span>`);
  if (due === undefined) return vital("Next run", "by hand", html`<span>no backup is planned</span>`);
  if (due > now.value)
    return vital("Next run", html`<${Ago} at=${due} />`, html`<span title=${absoluteText(due)}>${when}</span>`);
  if (host.status === "late")
    return vital("Next run", html`<span class="t-warn">overdue</span>`, html`<span>since ${when}</span>`);
  return vital("Next run", host.online ? "due now" : "when online", html`<span>due ${when}</span>`);
}

function sum(repositories: readonly RepositoryResource[], of: "storedBytes" | "restoreBytes"): number | undefined {
  const known = repositories.flatMap((repository) => repository[of] ?? []);
  return known.length === 0 ? undefined : known.reduce((total, bytes) => total + bytes, 0);
}

function repositorySize(repositories: readonly RepositoryResource[]) {
  const stored = sum(repositories, "storedBytes");
  const whole = sum(repositories, "restoreBytes");
  if (stored === undefined) return vital("Repository", "unknown", html`<span>measured after a backup</span>`);
  return vital(
    "Repository",
    sizeText(stored),
    html`<span>${whole === undefined || stored === 0 ? "stored" : `${ratioText(whole, stored)} deduplicated`}</span>`,
  );
}

function lastCheck(repositories: readonly RepositoryResource[]) {
  const checks = repositories.flatMap((repository) => repository.lastCheck ?? []);
  // One damaged repository is what matters, however long ago it was found.
  const check = checks.find((one) => !one.ok) ?? checks.sort((a, b) => b.atMs - a.atMs)[0];
  if (!check) return vital("Last check", "never", html`<span>not checked yet</span>`);
  return vital(
    "Last check",
    html`<${Ago} at=${check.atMs} />`,
    check.ok
      ? html`<span class="t-ok">${icon("ok", "i-sm")} ${readText(check.read)}</span>`
      : html`<a class="t-bad fs12" href=${`/jobs/${check.jobId}`}>${icon("bad", "i-sm")} failed</a>`,
  );
}

function agent(host: HostDetail) {
  const skewMs = host.clockSkewMs ?? 0;
  const line =
    host.resticVersion === ""
      ? html`<span class="t-bad">${icon("bad", "i-sm")} no restic on the host</span>`
      : Math.abs(skewMs) > CLOCK_WRONG_MS
        ? html`<span class="t-warn"
            >${icon("late", "i-sm")} clock ${durationText(Math.abs(skewMs))} ${skewMs > 0 ? "ahead" : "behind"}</span
          >`
        : html`<span>restic ${literal(host.resticVersion)}</span>`;
  return vital("Agent", literal(host.agentVersion), line);
}
