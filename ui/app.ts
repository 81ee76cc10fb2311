import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { LocationProvider, useLocation } from "preact-iso";
import { FleetPage } from "./pages/fleet.ts";
import { JobsPage } from "./pages/jobs.ts";
import { LoginPage } from "./pages/login.ts";
import { NotFoundPage } from "./pages/not-found.ts";
import { UnreachablePage } from "./pages/unreachable.ts";
import { matchPath } from "./net/match-path.ts";
import { returnPath } from "./net/return-path.ts";
import { html } from "./parts/html.ts";
import { lazyPart } from "./parts/lazy.ts";
import { Shell } from "./parts/shell.ts";
import { session } from "./state/session.ts";

const later = () => import("./pages/later.ts");
const AddHostPage = lazyPart(async () => (await later()).AddHostPage);
const AuditPage = lazyPart(async () => (await later()).AuditPage);
const HostPage = lazyPart(async () => (await later()).HostPage);
const JobPage = lazyPart(async () => (await later()).JobPage);
const SchedulePage = lazyPart(async () => (await import("./pages/schedule.ts")).SchedulePage);
const SetupPage = lazyPart(async () => (await later()).SetupPage);
const WaitForHostPage = lazyPart(async () => (await later()).WaitForHostPage);

interface Page {
  /** Two addresses of one page (a host's tabs) share it, so that moving between them keeps scroll and focus. */
  key: string;
  section: "fleet" | "jobs" | "audit" | "none";
  view: VNode;
}
type Params = Record<string, string>;

const ROUTES: readonly (readonly [pattern: string, page: (params: Params) => Page])[] = [
  ["/", () => ({ key: "fleet", section: "fleet", view: html`<${FleetPage} />` })],
  ["/hosts/new", () => ({ key: "add", section: "fleet", view: html`<${AddHostPage} />` })],
  [
    "/hosts/new/:token",
    (p) => ({
      key: `wait ${p["token"]}`,
      section: "fleet",
      view: html`<${WaitForHostPage} key=${p["token"]} tokenId=${p["token"]} />`,
    }),
  ],
  ["/hosts/:host", (p) => hostPage(p, "overview")],
  ["/hosts/:host/snapshots", (p) => hostPage(p, "snapshots")],
  ["/hosts/:host/schedules", (p) => hostPage(p, "schedules")],
  ["/hosts/:host/schedules/new", (p) => schedulePage(p, null)],
  ["/hosts/:host/schedules/:schedule", (p) => schedulePage(p, p["schedule"]!)],
  ["/hosts/:host/jobs", (p) => hostPage(p, "jobs")],
  ["/hosts/:host/repository", (p) => hostPage(p, "repository")],
  ["/hosts/:host/settings", (p) => hostPage(p, "settings")],
  ["/jobs", () => ({ key: "jobs", section: "jobs", view: html`<${JobsPage} />` })],
  [
    "/jobs/:job",
    (p) => ({ key: `job ${p["job"]}`, section: "jobs", view: html`<${JobPage} key=${p["job"]} jobId=${p["job"]} />` }),
  ],
  ["/audit", () => ({ key: "audit", section: "audit", view: html`<${AuditPage} />` })],
];

function hostPage(params: Params, tab: string): Page {
  const hostId = params["host"]!;
  return {
    key: `host ${hostId}`,
    section: "fleet",
    view: html`<${HostPage} key=${hostId} hostId=${hostId} tab=${tab} />`,
  };
}

function schedulePage(params: Params, scheduleId: string | null): Page {
  const hostId = params["host"]!;
  const key = `schedule ${hostId} ${scheduleId}`;
  return {
    key,
    section: "fleet",
    view: html`<${SchedulePage} key=${key} hostId=${hostId} scheduleId=${scheduleId} />`,
  };
}

function pageAt(path: string): Page {
  for (const [pattern, page] of ROUTES) {
    const params = matchPath(pattern, path);
    if (params) return page(params);
  }
  return { key: "lost", section: "none", view: html`<${NotFoundPage} />` };
}

export function App() {
  return html`<${LocationProvider}><${Console} /><//>`;
}

function Console() {
  const { path, url, query, route } = useLocation();
  const is = session.value;
  const atDoor = path === "/login" || path === "/setup";
  const door = is.state === "signed-out" ? (is.status.setupNeeded ? "/setup" : "/login") : null;

  useEffect(() => {
    if (door !== null && path !== door)
      route(door === "/login" && !atDoor && url !== "/" ? `/login?next=${encodeURIComponent(url)}` : door, true);
    if (is.state === "signed-in" && atDoor) route(returnPath(query["next"]), true);
  }, [is, path]);

  switch (is.state) {
    case "loading":
      return null;
    case "unreachable":
      return html`<${UnreachablePage} />`;
    case "signed-out":
      return is.status.setupNeeded
        ? html`<${SetupPage} status=${is.status} />`
        : html`<${LoginPage} status=${is.status} />`;
    case "signed-in":
      return atDoor ? null : html`<${SignedIn} path=${path} />`;
  }
}

function SignedIn({ path }: { path: string }) {
  const page = pageAt(path);
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [page.key]);
  return html`<${Shell} section=${page.section}>${page.view}<//>`;
}
