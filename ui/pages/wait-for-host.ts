import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { EnrollmentTokenResource, HostResource } from "../../protocol/api.ts";
import { api } from "../net/endpoints.ts";
import { BusyButton } from "../parts/button.ts";
import { CopyButton } from "../parts/copy-button.ts";
import { Crumbs } from "../parts/crumbs.ts";
import { html, type Children } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { notice } from "../parts/notice.ts";
import { RunBackupButton } from "../parts/run-backup.ts";
import { useTitle } from "../parts/title.ts";
import { now } from "../state/clock.ts";
import { activeByHost, hosts, keepHost, onFleetMessage } from "../state/fleet.ts";
import { forgetInstallCommand, installCommand } from "../state/install-command.ts";
import { may } from "../state/session.ts";
import { listText } from "../words/lists.ts";
import { literal } from "../words/literal.ts";
import { durationText } from "../words/time.ts";

/** The feed says at once when the token is used; asking is for when the feed is down. */
const ASK_EVERY_MS = 5000;

/** The install line and a panel that waits for the agent and turns green. It survives leaving and reloading. */
export function WaitForHostPage({ tokenId }: { tokenId: string }) {
  useTitle("Add host");
  const token = useLoad(tokenId, () => api.enrollment(tokenId));
  const state = token.value?.state;
  const hostId = token.value?.hostId;

  useEffect(
    () =>
      onFleetMessage((message) => {
        if (message.type === "tokenUsed" && message.tokenId === tokenId) void token.reload();
      }),
    [tokenId],
  );
  const host = hostId === undefined ? undefined : hosts.value.get(hostId)?.value;
  const waiting = state === "waiting" || (hostId !== undefined && !host?.online);
  useEffect(() => {
    if (!waiting) return;
    const timer = window.setInterval(() => void ask(), ASK_EVERY_MS);
    async function ask(): Promise<void> {
      if (hostId === undefined) return token.reload();
      const answer = await api.host(hostId);
      if (answer.ok) keepHost(answer.value);
    }
    if (hostId !== undefined) void ask();
    return () => window.clearInterval(timer);
  }, [waiting, hostId]);
  useEffect(() => {
    if (state !== undefined && state !== "waiting") forgetInstallCommand(tokenId);
  }, [state, tokenId]);

  return html`<div class="page page-narrow">
    <header class="phead">
      <div>
        <${Crumbs} here="Add host" />
        <h1>${token.value ? html`Add <span class="mono">${literal(token.value.hostName)}</span>` : "Add host"}</h1>
      </div>
    </header>
    ${loaded(
      token,
      (value) =>
        html`<div class="cols">
          <ol class="card pad-5">
            <${Steps} token=${value} host=${host} reload=${token.reload} />
          </ol>
          <${Aside} />
        </div>`,
      html`<section class="card">${skeletonLines(6)}</section>`,
    )}
  </div>`;
}

function step(kind: "done" | "now" | "", number: number, title: Children, body: Children) {
  return html`<li class=${`step ${kind}`}>
    <div class="n"><span>${kind === "done" ? icon("check", "i-sm") : number}</span></div>
    <div class="body">
      <h2>${title}</h2>
      ${body}
    </div>
  </li>`;
}

function Steps(props: { token: EnrollmentTokenResource; host: HostResource | undefined; reload: () => Promise<void> }) {
  const { token, host } = props;
  const used = token.state === "used";
  const paths = listText(token.paths.map(literal));
  const first = step(
    "done",
    1,
    html`<span class="mono">${literal(token.hostName)}</span>`,
    html`<p class="fs12 faint">
      <span class="mono">${literal(token.address)}</span>, manual schedule for <span class="mono">${paths}</span>
    </p>`,
  );
  if (token.state === "expired" || token.state === "revoked")
    return html`${first}${step(
      "now",
      2,
      token.state === "expired" ? "The token ran out" : "The token was revoked",
      html`${notice("warn", "Nothing was installed with it. Make a new one; the host is not in the fleet.", "status")}
        <div><a class="btn primary" href="/hosts/new">Make a new token</a></div>`,
    )}`;
  return html`${first}
    ${used ? step("done", 2, "The install command ran", null) : html`<${Command} token=${token} reload=${props.reload} />`}
    ${step(
      host?.online ? "done" : "now",
      3,
      host?.online ? "The agent is connected" : "Waiting for the agent",
      html`<div role="status" aria-live="polite">
        <ul class="card list fs13">
          ${waitItem(used ? "done" : "now", used ? "Agent enrolled, token used" : "The install command has not run yet")}
          ${waitItem(
            host?.online ? "done" : used ? "now" : "later",
            host?.online
              ? html`Agent ${literal(host.agentVersion)} connected from ${literal(host.hostname)}`
              : "The agent connects",
          )}
          ${
            host?.online
              ? host.resticVersion === ""
                ? html`<li class="item">
                    ${icon("warn", "t-warn")}<span class="grow"
                      >There is no restic on the host. Install it, for example with apt install restic.</span
                    >
                  </li>`
                : waitItem("done", html`restic ${literal(host.resticVersion)} found`)
              : null
          }
        </ul>
      </div>`,
    )} <${Done} host=${host} paths=${paths} />`;
}

function waitItem(state: "done" | "now" | "later", text: Children) {
  const mark = { done: icon("ok", "t-ok"), now: icon("run", "t-run spin"), later: icon("todo") }[state];
  return html`<li class=${`item ${state === "later" ? "faint" : ""}`}>
    ${mark}<span class=${`grow ${state === "now" ? "semi" : ""}`}>${text}</span>
  </li>`;
}

function Command({ token, reload }: { token: EnrollmentTokenResource; reload: () => Promise<void> }) {
  const command = installCommand(token.id);
  const left = useComputed(() => Math.max(0, token.expiresAtMs - now.value));
  const leftText = useComputed(() => durationText(left.value));
  useEffect(() => {
    if (left.value === 0) void reload();
  }, [left.value === 0]);
  async function revoke(): Promise<void> {
    await api.revokeEnrollment(token.id);
    await reload();
  }
  return step(
    "now",
    2,
    "Run this on the host",
    html`${
        command === null
          ? notice(
              "warn",
              html`<b>The command was shown once, in another tab or before.</b>
                <span>If it was not copied, revoke this token and make a new one.</span>`,
            )
          : html`<div class="cmd">
                <pre aria-label="Install command">${command}</pre>
                <${CopyButton} text=${command} label="Copy the install command" />
              </div>
              <p class="hint">It uses sudo. It lists old restic timers and cron jobs and disables none.</p>`
      }
      <div class="row between fs12 faint wrap">
        <span>${icon("clock", "i-sm")} Works once, for the next ${leftText}</span>
        <span class="row"
          ><a href="/install.sh" target="_blank" rel="noopener">Read the script first</a
          ><${BusyButton} kind="ghost sm" onPress=${revoke}>Revoke token<//></span
        >
      </div>`,
  );
}

function Done({ host, paths }: { host: HostResource | undefined; paths: string }) {
  const { route } = useLocation();
  const active = host ? activeByHost.value.get(host.id) : undefined;
  if (!host?.online)
    return step(
      "",
      4,
      html`<span class="faint">First backup</span>`,
      html`<p class="fs13 faint">The host appears in the fleet. You can leave this page, enrolment goes on.</p>`,
    );
  const ran = host.lastBackupAtMs !== undefined;
  return step(
    ran ? "done" : "now",
    4,
    ran ? "The first backup ran" : "First backup",
    html`${ran ? null : notice("ok", html`<b>${literal(host.name)} is ready.</b> <span>Back up ${paths} now and watch it.</span>`, "status")}
      <div class="row wrap">
        ${
          ran
            ? null
            : active
              ? html`<button type="button" class="btn primary" onClick=${() => route(`/jobs/${active.jobId}`)}>
                  View running backup
                </button>`
              : may("job.run")
                ? html`<${RunBackupButton} host=${host} kind="primary" icon="play">Run first backup<//>`
                : null
        }
        <a class="btn" href=${`/hosts/${host.id}`}>Open host</a>
      </div>`,
  );
}

function Aside() {
  const check = `curl -I ${location.origin}/healthz`;
  return html`<aside class="stack">
    <section class="card pad stack stack-2">
      <h2>What happens</h2>
      <ul class="stack stack-2 fs13 dim">
        <li>The token is swapped for a key that only this agent holds.</li>
        <li>The repository password travels sealed to that key and is stored encrypted.</li>
        <li>The agent connects out. No port is opened on the host.</li>
      </ul>
    </section>
    <section class="card pad stack stack-2">
      <h2>No answer?</h2>
      <p class="fs13 dim">Check that the host can reach the server:</p>
      <div class="cmd"><pre>${check}</pre></div>
    </section>
  </aside>`;
}
