import type { HostDetail, RepositoryResource } from "../../../protocol/api.ts";
import { AdminCredential } from "../../parts/admin-credential.ts";
import { html, type Children } from "../../parts/html.ts";
import { icon } from "../../parts/icon.ts";
import { SizeHistory } from "../../parts/size-chart.ts";
import { statusPill } from "../../parts/status-pill.ts";
import { Ago } from "../../parts/time.ts";
import { RunPanel } from "../../parts/run-panel.ts";
import { now } from "../../state/clock.ts";
import { may } from "../../state/session.ts";
import { appendOnlyText } from "../../words/append-only.ts";
import { readText } from "../../words/check-read.ts";
import { literal } from "../../words/literal.ts";
import { lockText } from "../../words/locks.ts";
import { countText, ratioText, sizeText } from "../../words/size.ts";

/** Where a host's data lies, how much of it there is, and whether it is well. */
export function HostRepository({ detail, reload }: { detail: HostDetail; reload: () => Promise<void> }) {
  if (detail.repositories.length === 0)
    return html`<section class="card">
      <div class="empty">
        ${icon("db")}
        <h2>No repository</h2>
        <p class="fs13">This host has nowhere to back up to. Add it again with a repository.</p>
      </div>
    </section>`;
  return html`<div class="cols">
    <div class="stack">
      ${detail.repositories.map(
        (repository) =>
          html`<${Storage} key=${repository.id} repository=${repository} /><${Health}
              key=${`h ${repository.id}`}
              repository=${repository}
            />`,
      )}
      <${SizeHistory} hostId=${detail.id} moved=${String(detail.repositories.map((one) => one.measuredAtMs))} />
    </div>
    <div class="stack">
      ${may("job.run") ? html`<${RunPanel} detail=${detail} />` : null}
      ${detail.repositories.map(
        (repository) =>
          html`<${Access} key=${repository.id} detail=${detail} repository=${repository} reload=${reload} />`,
      )}
    </div>
  </div>`;
}

function stat(name: string, value: Children, line = "") {
  return html`<div>
    <span class="label">${name}</span>
    <div class="stat stat-md">${value}</div>
    <span class="fs12 faint">${line}</span>
  </div>`;
}

function Storage({ repository }: { repository: RepositoryResource }) {
  const { storedBytes, uncompressedBytes, restoreBytes, snapshots, measuredAtMs } = repository;
  const size = (bytes: number | undefined) => (bytes === undefined ? "unknown" : sizeText(bytes));
  const ratio = (whole: number | undefined) =>
    whole === undefined || storedBytes === undefined || storedBytes === 0 ? "unknown" : ratioText(whole, storedBytes);
  return html`<section class="card" aria-label="Storage">
    <div class="chead">
      <h2>Storage</h2>
      <span class="fs12 faint"
        >${measuredAtMs === undefined ? "Measured once a day, after a backup" : html`Measured <${Ago} at=${measuredAtMs} />`}</span
      >
    </div>
    <div class="pad stats">
      ${stat("Stored", size(storedBytes), "in the repository")}
      ${stat("Before deduplication", size(restoreBytes), "all snapshots, if restored")}
      ${stat("Ratio", ratio(restoreBytes), "restored to stored")}
      ${stat("Compression", ratio(uncompressedBytes), "before to after")}
      ${stat("Snapshots", snapshots === undefined ? "unknown" : countText(snapshots), "of all hosts that use it")}
    </div>
  </section>`;
}

function Health({ repository }: { repository: RepositoryResource }) {
  const { lastCheck, lastPrune, locks, locksAtMs } = repository;
  return html`<section class="card" aria-label="Health">
    <div class="chead"><h2>Health</h2></div>
    <ul class="list fs13">
      <li class="item top">
        ${icon("shield", "i-lg faint")}
        <div class="grow">
          <h3>Last check</h3>
          ${
            lastCheck === undefined
              ? html`<p class="dim">Never checked. A check proves that the repository can be read.</p>`
              : html`<p class="dim"><${Ago} at=${lastCheck.atMs} />${`, ${readText(lastCheck.read)}.`}</p>
                  ${
                    lastCheck.ok
                      ? html`<p class="dim">No error was found.</p>`
                      : html`<p class="text-literal t-bad">${literal(lastCheck.message ?? "Errors were found.")}</p>`
                  }`
          }
        </div>
        ${
          lastCheck === undefined
            ? null
            : html`${statusPill(lastCheck.ok ? { word: "Passed", icon: "ok", tone: "ok" } : { word: "Failed", icon: "bad", tone: "bad" })}
                <a class="btn sm" href=${`/jobs/${lastCheck.jobId}`} aria-label="View the last check">View</a>`
        }
      </li>
      <li class="item top">
        ${icon("prune", "i-lg faint")}
        <div class="grow">
          <h3>Last prune</h3>
          <p class="dim">
            ${
              lastPrune === undefined
                ? "Never pruned from here."
                : html`<${Ago}
                      at=${lastPrune.atMs}
                    />${lastPrune.freedBytes === undefined ? "." : `, freed ${sizeText(lastPrune.freedBytes)}.`}`
            }
          </p>
        </div>
        ${lastPrune === undefined ? null : html`<a class="btn sm" href=${`/jobs/${lastPrune.jobId}`} aria-label="View the last prune">View</a>`}
      </li>
      <li class="item top">
        ${icon(locks !== undefined && locks.length > 0 ? "lock" : "unlock", "i-lg faint")}
        <div class="grow">
          <h3>Locks</h3>
          ${
            locks === undefined
              ? html`<p class="dim">Unknown; measuring the repository tells.</p>`
              : locks.length === 0
                ? html`<p class="dim">
                    None${locksAtMs === undefined ? "." : html`, looked <${Ago} at=${locksAtMs} />.`}
                  </p>`
                : html`<ul class="dim">
                    ${locks.map((lock) => html`<li key=${lock.id}>${literal(lockText(lock, now.value))}</li>`)}
                  </ul>`
          }
        </div>
      </li>
    </ul>
  </section>`;
}

function Access(props: { detail: HostDetail; repository: RepositoryResource; reload: () => Promise<void> }) {
  const { detail, repository } = props;
  return html`<section class="card pad stack stack-3" aria-label="Access">
    <h2>Access</h2>
    <dl class="kv">
      <dt>Address</dt>
      <dd class="mono fs12">${literal(repository.address)}</dd>
      <dt>Password</dt>
      <dd>${repository.hasPassword ? html`set, changed <${Ago} at=${repository.updatedAtMs} />` : "not set"}</dd>
      <dt>When missing</dt>
      <dd>${repository.createRepository ? "created at a backup" : "the backup fails"}</dd>
      <dt>Append-only</dt>
      <dd>${appendOnlyText(repository)}</dd>
    </dl>
    ${may("credential.write") ? html`<p class="fs12"><a href=${`/hosts/${detail.id}/settings`}>Change address or password</a></p>` : null}
    <${AdminCredential} detail=${detail} repository=${repository} reload=${props.reload} />
  </section>`;
}
