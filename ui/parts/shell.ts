import { useComputed } from "@preact/signals";
import { useLocation } from "preact-iso";
import { now } from "../state/clock.ts";
import { activeJobs, link, lostSinceMs } from "../state/fleet.ts";
import { useKeys } from "../state/keys.ts";
import { may, session, signOut } from "../state/session.ts";
import { nextTheme, theme } from "../state/theme.ts";
import { clockText } from "../words/time.ts";
import { BusyButton } from "./button.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";
import { KeyList } from "./key-list.ts";
import { RunningNow } from "./running-now.ts";
import { Toast } from "./toast.ts";

const DIMMED_AFTER_MS = 30_000;

const SECTIONS = [
  { section: "fleet", href: "/", icon: "fleet", word: "Fleet", action: "fleet.read" },
  { section: "jobs", href: "/jobs", icon: "jobs", word: "Jobs", action: "job.read" },
  { section: "audit", href: "/audit", icon: "audit", word: "Audit", action: "audit.read" },
] as const;

/** What surrounds every page of a signed-in person: navigation, what runs now, the connection, the person. */
export function Shell({ section, children }: { section: string; children: Children }) {
  const { route } = useLocation();
  const listOpen = useKeys(route);
  const sections = SECTIONS.filter((s) => may(s.action));
  const running = [...activeJobs.value.values()].filter((job) => job.state === "running").length;
  const nav = sections.map(
    (s) =>
      html`<a href=${s.href} aria-current=${s.section === section ? "page" : undefined}
        >${icon(s.icon)}<span>${s.word}</span>${
          s.section === "jobs" && running > 0 ? html`<span class="count">${running} running</span>` : null
        }</a
      >`,
  );
  const name = session.value.state === "signed-in" ? session.value.me.user.username : "";
  const brand = html`<a class="brand" href="/">${icon("logo", "mark")}restic-manager</a>`;
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <header class="phonebar">
      ${brand}<${ThemeButton} kind="icon" /><${BusyButton}
        kind="ghost icon"
        icon="out"
        label=${`Sign out ${name}`}
        onPress=${signOut}
      />
    </header>
    <div class="shell">
      <aside class="side">
        ${brand}
        <nav class="nav" aria-label="Main">${nav}</nav>
        <${RunningNow} />
        <div class="side-end">
          <${Connection} />
          <div class="me">
            <span class="avatar" aria-hidden="true">${name.slice(0, 2).toUpperCase()}</span>
            <span class="grow clip" title=${name}>${name}</span>
            <${ThemeButton} kind="sm icon" /><${BusyButton}
              kind="ghost sm icon"
              icon="out"
              label="Sign out"
              onPress=${signOut}
            />
          </div>
        </div>
      </aside>
      <div class="content">
        <${ReconnectBar} />
        <${Main}>${children}<//>
      </div>
    </div>
    <nav class="tabbar" aria-label="Main, phone">${nav}</nav>
    ${listOpen.value ? html`<${KeyList} onClose=${() => (listOpen.value = false)} />` : null}
    <${Toast} />`;
}

/** What is shown stays when the connection is lost, and is dimmed once it is 30 s old. */
function Main({ children }: { children: Children }) {
  const old = useComputed(() => {
    void now.value;
    return lostSinceMs.value !== null && Date.now() - lostSinceMs.value >= DIMMED_AFTER_MS;
  });
  return html`<main class=${old.value ? "main old" : "main"} id="main" tabindex="-1">${children}</main>`;
}

/** The router would take the hash for a page, so the skip link moves the focus itself. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

const THEME_WORD = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" } as const;
const THEME_ICON = { system: "theme", light: "sun", dark: "moon" } as const;

export function ThemeButton({ kind }: { kind: string }) {
  const word = THEME_WORD[theme.value];
  return html`<button
    type="button"
    class=${`btn ghost ${kind}`}
    aria-label=${word}
    title=${`${word}. Switch.`}
    onClick=${nextTheme}
  >
    ${icon(THEME_ICON[theme.value])}
  </button>`;
}

function Connection() {
  const live = link.value.state === "live";
  return html`<div class="conn" role="status">
    ${
      live
        ? html`<span class="dot"></span>Live`
        : html`<span class="dot dot-warn"></span>${link.value.state === "connecting" ? "Connecting" : "Reconnecting"}`
    }
  </div>`;
}

/** Amber, on top, as long as what the page shows may be old. */
function ReconnectBar() {
  const is = link.value;
  if (is.state !== "waiting") return null;
  const seconds = Math.max(0, Math.ceil((is.retryAtMs - Date.now()) / 1000));
  void now.value;
  return html`<div class="offline" role="status">
    ${icon("offline")}
    <span>
      Reconnecting, showing ${clockText(is.sinceMs)}.${" "}
      <span aria-hidden="true">${seconds > 0 ? `Next try in ${seconds} s.` : "Trying now."}</span>
    </span>
  </div>`;
}
