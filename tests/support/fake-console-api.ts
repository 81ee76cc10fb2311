import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { WebSocketServer, type WebSocket } from "ws";
import { actionsOf } from "../../core/access/actions.ts";
import type {
  AuditResource,
  EnrollmentTokenResource,
  FleetSummary,
  HostDay,
  HooksResource,
  HostDetail,
  HostResource,
  JobResource,
  Role,
  SnapshotResource,
} from "../../protocol/api.ts";
import type { RetentionPlan } from "../../protocol/schedule.ts";
import { BROWSER_SUBPROTOCOL } from "../../protocol/limits.ts";
import type { BrowserMessage, FleetMessage, JobStreamMessage } from "../../protocol/stream.ts";
import { consoleFilesOf } from "../../selfhost/console-files.ts";
import { problem } from "./fake-problem.ts";
import { answerSchedules } from "./fake-schedules.ts";

export { problem };

/**
 * The built console with a server that says what a test tells it: for states that a real one reaches rarely or late
 * (a thousand hosts, a lost agent, a failure of each kind). The files come with the product's own headers.
 */
export interface FakeConsole {
  readonly origin: string;
  readonly world: World;
  /** Which sockets the page opened, in order, as path and query. */
  readonly dialled: string[];
  /** What the page sent on its sockets, in order. */
  readonly heard: BrowserMessage[];
  /** What the page asked to change, in order. */
  readonly asked: { method: string; path: string; body: unknown }[];
  toFleet(message: FleetMessage): void;
  toJob(jobId: string, message: JobStreamMessage): void;
  /** Waits until a page watches the job. */
  watched(jobId: string): Promise<void>;
  /** Cuts every socket; while `refusing`, no new one is let in. */
  cut(refusing: boolean): void;
  stop(): Promise<void>;
}

export interface World {
  role: Role | null;
  setupNeeded: boolean;
  signInPossible: boolean;
  summary: FleetSummary;
  hosts: HostResource[];
  details: Map<string, HostDetail>;
  jobs: JobResource[];
  snapshots: SnapshotResource[];
  audit: AuditResource[];
  enrollments: EnrollmentTokenResource[];
  /** The history of every host. */
  days: HostDay[];
  /** What any rules would do. */
  plan: RetentionPlan | null;
  /** Hooks by the id of their schedule or host. */
  hooks: Map<string, HooksResource>;
  hookShell: string;
  /** Answers instead of the world's own, by `METHOD /path`. */
  answers: Map<string, { status: number; body: unknown }>;
}

export const emptyWorld = (): World => ({
  role: "admin",
  setupNeeded: false,
  signInPossible: true,
  summary: { total: 0, protected: 0, atRisk: 0, offline: 0, new: 0, storedBytes: 0, restoreBytes: 0, hours: [] },
  hosts: [],
  details: new Map(),
  jobs: [],
  snapshots: [],
  audit: [],
  enrollments: [],
  days: [],
  plan: null,
  hooks: new Map(),
  hookShell: "/bin/sh",
  answers: new Map(),
});

const files = consoleFilesOf(fileURLToPath(new URL("../../dist/ui", import.meta.url)));

export async function startFakeConsole(world: World): Promise<FakeConsole> {
  const fleet = new Set<WebSocket>();
  const jobs = new Map<string, Set<WebSocket>>();
  const dialled: string[] = [];
  const heard: BrowserMessage[] = [];
  const asked: FakeConsole["asked"] = [];
  let refusing = false;

  const server = createServer((request, response) => void answer(world, asked, request, response));
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => BROWSER_SUBPROTOCOL });
  server.on("upgrade", (request, socket, head) => {
    dialled.push(request.url ?? "");
    if (refusing) return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (opened) => {
      const path = new URL(request.url ?? "/", "http://fake").pathname;
      const jobId = /^\/ws\/jobs\/(.+)$/.exec(path)?.[1];
      const group = jobId === undefined ? fleet : (jobs.get(jobId) ?? new Set());
      if (jobId !== undefined) jobs.set(jobId, group);
      group.add(opened);
      opened.on("message", (data) => heard.push(JSON.parse(String(data)) as BrowserMessage));
      opened.on("close", () => group.delete(opened));
      if (jobId === undefined)
        opened.send(JSON.stringify({ type: "hello", timeMs: Date.now() } satisfies FleetMessage));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));

  const all = () => [...fleet, ...[...jobs.values()].flatMap((group) => [...group])];
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    world,
    dialled,
    heard,
    asked,
    toFleet: (message) => fleet.forEach((socket) => socket.send(JSON.stringify(message))),
    toJob: (jobId, message) => jobs.get(jobId)?.forEach((socket) => socket.send(JSON.stringify(message))),
    async watched(jobId) {
      while ((jobs.get(jobId)?.size ?? 0) === 0) await new Promise((done) => setTimeout(done, 10));
    },
    cut(refuse) {
      refusing = refuse;
      for (const socket of all()) socket.terminate();
    },
    async stop() {
      for (const socket of all()) socket.terminate();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function answer(
  world: World,
  asked: FakeConsole["asked"],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  let text = "";
  for await (const chunk of request) text += String(chunk);
  if (url.pathname.startsWith("/api/")) {
    const method = request.method ?? "GET";
    const given: unknown = text === "" ? undefined : JSON.parse(text);
    if (method !== "GET") asked.push({ method, path: url.pathname, body: given });
    const { status, body } = resource(world, method, url, given);
    response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
    response.end(body === undefined ? "" : JSON.stringify(body));
    return;
  }
  const file = files.answer({
    path: url.pathname,
    accept: request.headers.accept ?? "",
    acceptEncoding: String(request.headers["accept-encoding"] ?? ""),
    ifNoneMatch: request.headers["if-none-match"] ?? "",
  });
  if (!file) response.writeHead(404).end();
  else response.writeHead(file.status, file.headers).end(file.body);
}

function resource(world: World, method: string, url: URL, given: unknown): { status: number; body: unknown } {
  const said = world.answers.get(`${method} ${url.pathname}`);
  if (said) return said;
  const ok = (body: unknown) => ({ status: 200, body });
  const found = (body: unknown) =>
    body === undefined ? problem(404, { code: "host.not_found", message: "" }) : ok(body);
  const me = () => ({ user: { id: "u", username: "maja", role: world.role }, actions: actionsOf(world.role!) });
  const [, , name, id, part] = url.pathname.split("/");

  if (name === "status")
    return ok({ setupNeeded: world.setupNeeded, signInPossible: world.signInPossible, version: "0.1.0" });
  if (name === "login" || name === "bootstrap") {
    world.role ??= "admin";
    return ok(me());
  }
  if (world.role === null) return problem(401, { code: "auth.required", message: "Sign in first." });
  if (name === "hosts" && (part === "schedules" || part === "hooks"))
    return answerSchedules(world, { method, hostId: id!, rest: url.pathname.split("/").slice(4), body: given });
  switch (`${name}${id === undefined ? "" : "/:id"}${part === undefined ? "" : `/${part}`}`) {
    case "me":
      return ok(me());
    case "logout":
      world.role = null;
      return ok(undefined);
    case "grants":
      return ok({ grant: "fake", expiresAtMs: Date.now() + 60_000 });
    case "fleet/:id":
      return ok(world.summary);
    case "hosts": {
      const from = Number(url.searchParams.get("after") ?? 0);
      const next = from + 200;
      return ok({
        items: world.hosts.slice(from, next),
        ...(next < world.hosts.length ? { next: String(next) } : {}),
      });
    }
    case "hosts/:id":
      return found(world.details.get(id!));
    case "hosts/:id/snapshots":
      return ok({ items: world.snapshots });
    case "hosts/:id/days":
      return ok({ items: world.days });
    case "hosts/:id/jobs":
      return ok(world.jobs[0]);
    case "jobs": {
      const asked = Object.fromEntries(url.searchParams) as { state?: string; kind?: string; hostId?: string };
      const fits = (job: JobResource) =>
        (["state", "kind", "hostId"] as const).every((name) => !asked[name] || job[name] === asked[name]);
      return ok({ items: world.jobs.filter(fits) });
    }
    case "jobs/:id":
      return found(world.jobs.find((job) => job.id === id));
    case "jobs/:id/release":
    case "jobs/:id/cancel":
      return ok(undefined);
    case "enrollment-tokens":
      return ok({
        enrollment: world.enrollments[0],
        token: "rmt_shown-once",
        installCommand:
          "export RM_TOKEN=rmt_9fK2vQ7xLw4ZpT1e; curl -fsSL https://backup.example.net/install.sh | sudo --preserve-env=RM_TOKEN sh -s -- --server https://backup.example.net",
      });
    case "enrollment-tokens/:id":
      return found(world.enrollments.find((token) => token.id === id));
    case "audit":
      return ok({ items: world.audit });
    default:
      return problem(404, { code: "request.not_found", message: "" });
  }
}
