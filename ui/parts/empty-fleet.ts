import { may } from "../state/session.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

const STEPS = [
  [
    "Add the first host",
    "Name it and its repository. Any restic backend works: a local path, rest-server, S3, SFTP, Azure or B2.",
  ],
  [
    "Run one line on it, as root",
    "It installs the agent. It finds old restic timers and cron jobs and lists them; it disables nothing.",
  ],
  ["Watch its first backup", "The agent connects out, so no port is opened on the host."],
] as const;

/** What a fleet without hosts shows: the way to the first backup. */
export function EmptyFleet() {
  return html`<div class="cols">
    <section class="card pad-5 stack">
      <ol>
        ${STEPS.map(
          ([title, line], i) =>
            html`<li class=${`step ${i === 0 ? "now" : ""}`}>
              <div class="n"><span>${i + 1}</span></div>
              <div class="body">
                <h2>${title}</h2>
                <p class="dim fs13">${line}</p>
                ${
                  i === 0
                    ? may("host.enroll")
                      ? html`<div><a class="btn primary" href="/hosts/new">${icon("plus")}Add host</a></div>`
                      : html`<p class="dim fs13">Ask an operator or an admin to add it.</p>`
                    : null
                }
              </div>
            </li>`,
        )}
      </ol>
    </section>
    <section class="card pad stack stack-2">
      <h2>Already have snapshots?</h2>
      <p class="dim fs13">
        Point a host at its existing repository. Its snapshots show up here after the first backup.
      </p>
    </section>
  </div>`;
}
