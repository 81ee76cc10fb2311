import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import type { JobRecord } from "../../protocol/wire.ts";
import { launchChromium } from "../support/chromium.ts";
import { problem, startFakeConsole, type FakeConsole, type World } from "../support/fake-console-api.ts";
import { detailOf, id, sampleHost, sampleRecords, sampleWorld } from "../support/sample-fleet.ts";

/** States of the console that a real server reaches rarely: the built pages in Chromium against one that says so. */

let browser: Browser;
let page: Page;
let fake: FakeConsole;
const problems: string[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterEach(async () => {
  await page?.close();
  await fake?.stop();
  expect(problems.splice(0)).toEqual([]);
});
afterAll(() => browser?.close());

async function open(path: string, change: (world: World) => void = () => undefined): Promise<void> {
  const world = sampleWorld(Date.now());
  change(world);
  fake = await startFakeConsole(world);
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused|Trusted/.test(message.text())) problems.push(message.text());
  });
  page.on("dialog", (dialog) => problems.push(`a dialog opened: ${dialog.message()}`));
  await page.goto(fake.origin + path);
}

const lines = (count: number, from: number): JobRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    type: "logged",
    atMs: Date.now(),
    stream: "restic",
    text: `line ${from + i}`,
  }));

/** Opens the page of a job that runs and has said `records`. */
async function openJob(records: readonly JobRecord[]): Promise<string> {
  const jobId = id(1000);
  await open(`/jobs/${jobId}`);
  await fake.watched(jobId);
  fake.toJob(jobId, { type: "state", state: "running", ackedSeq: records.length, cancelAsked: false });
  fake.toJob(jobId, { type: "records", first: 1, records: [...records] });
  return jobId;
}

const rowsInLog = () => page.getByRole("log").locator("time").count();

test("names and lines that try to be markup, colour or another direction are shown as text", async () => {
  const markup = "<img src=x onerror=alert(1)>";
  await open("/", (world) => {
    const host = { ...world.hosts[0]!, name: `${markup}\u202egnp`, tags: ["<b>bold</b>"] };
    world.hosts[0] = host;
    world.details.set(host.id, detailOf(host, Date.now()));
  });
  await page.getByRole("table").getByText(`${markup}\u2039U+202E\u203agnp`).waitFor();
  await page.getByText("<b>bold</b>").first().waitFor();
  await page.close();
  await fake.stop();

  const attack = `\u001b[31m${markup}\u001b]0;title\u0007 \r\u0008over\u202ewritten`;
  await openJob([{ type: "logged", atMs: 1, stream: "restic", level: "warning", text: attack }]);
  await page.getByRole("log").getByText(`${markup} \u240d\u2408over\u2039U+202E\u203awritten`).waitFor();
  expect(await page.locator("img").count()).toBe(0);
});

test("the log follows its end until someone scrolls up, and holds 5,000 lines", async () => {
  const jobId = await openJob(lines(6000, 1));
  const log = page.getByRole("log");
  await log.getByText("line 6000", { exact: true }).waitFor();
  expect(await rowsInLog()).toBe(5000);
  const fromEnd = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
  expect(await fromEnd()).toBeLessThan(10);
  await page.getByText("The newest 5,000 are shown").waitFor();

  await log.hover();
  await page.mouse.wheel(0, -600);
  await page.getByRole("button", { name: "Follow", exact: true }).waitFor();
  fake.toJob(jobId, { type: "records", first: 6001, records: lines(12, 6001) });
  await page.getByRole("button", { name: "12 new lines, jump to end" }).waitFor();
  expect(await fromEnd()).toBeGreaterThan(300);

  await log.press("End");
  await page.getByRole("button", { name: "Following" }).waitFor();
  expect(await fromEnd()).toBeLessThan(10);
  expect(fake.heard.some((message) => message.type === "seen" && message.seq === 6000)).toBe(true);
});

test("a job's page that loses its connection goes on from the last line it has", async () => {
  const records = sampleRecords(Date.now() - 60_000);
  const jobId = await openJob(records);
  await page.getByText("64 % done").waitFor();
  const before = await rowsInLog();
  fake.cut(false);
  await page.getByText(/^Reconnecting, showing/).waitFor();
  await fake.watched(jobId);
  expect(fake.dialled.findLast((path) => path.startsWith("/ws/jobs"))).toBe(
    `/ws/jobs/${jobId}?after=${records.length}`,
  );
  // The server goes back to what was last seen: known records come again, with new ones behind them.
  fake.toJob(jobId, { type: "records", first: records.length - 1, records: [...records.slice(-2), ...lines(2, 1)] });
  await page.getByText("line 2", { exact: true }).waitFor();
  expect(await rowsInLog()).toBe(before + 2);
});

test("while the agent is silent nothing is called failed", async () => {
  const jobId = await openJob(sampleRecords(Date.now() - 60_000));
  fake.toJob(jobId, {
    type: "state",
    state: "running",
    ackedSeq: 16,
    cancelAsked: false,
    agentSilentSinceMs: Date.now() - 40_000,
  });
  await page.getByText(/No word for 4\d s/).waitFor();
  expect(await page.getByText("Failed", { exact: true }).count()).toBe(0);
});

test("a failed job says restic's own words, what they mean and what to do", async () => {
  const jobId = id(1003);
  await open(`/jobs/${jobId}`);
  const alert = page.getByRole("alert");
  await alert.getByText("Another process holds a lock on the repository.").waitFor();
  await alert.getByText(/Fatal: unable to create lock/).waitFor();
  await alert.getByText(/unlock the repository on the host/).waitFor();
  await page.getByRole("button", { name: "Run backup again" }).waitFor();
});

test("of a thousand hosts only those near the window are in the page, and a change moves one", async () => {
  const nowMs = Date.now();
  await open("/", (world) => {
    world.hosts = Array.from({ length: 1000 }, (_, i) =>
      sampleHost(i, [`host-${String(i).padStart(4, "0")}`, "protected", [], 60_000, 1000, 1, 1], nowMs),
    );
    world.summary = { ...world.summary, total: 1000, protected: 1000, atRisk: 0, offline: 0, new: 0 };
  });
  await page.getByText("1,000 hosts shown").waitFor();
  const rows = page.locator("table.fleet tbody tr:not(.gap)");
  expect(await rows.count()).toBeLessThan(120);
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  await page.getByRole("link", { name: "host-0999" }).waitFor();
  expect(await rows.count()).toBeLessThan(120);

  const host = fake.world.hosts[500]!;
  fake.toFleet({ type: "hostChanged", host: { ...host, status: "failing", lastBackupOutcome: "failed" } });
  await page.getByRole("button", { name: "At risk 1" }).click();
  await page.getByText("1 host shown").waitFor();
  await page.getByRole("table").getByRole("link", { name: host.name }).waitFor();
});

test("what a viewer may not do is absent", async () => {
  await open("/", (world) => {
    world.role = "viewer";
  });
  await page.getByRole("link", { name: "nas-02" }).waitFor();
  expect(await page.getByRole("link", { name: "Add host" }).count()).toBe(0);
  expect(await page.getByRole("button", { name: /^Run/ }).count()).toBe(0);
  expect(await page.getByRole("link", { name: "Audit" }).count()).toBe(0);
  await page.getByRole("link", { name: "nas-02" }).click();
  await page.getByRole("link", { name: /^Snapshots/ }).waitFor();
  expect(await page.getByRole("link", { name: "Settings" }).count()).toBe(0);
});

test("a session that ended asks to sign in and returns to the page", async () => {
  await open("/jobs?state=failed", (world) => {
    world.role = null;
  });
  fake.world.answers.set(
    "POST /api/login",
    problem(429, { code: "auth.slow_down", message: "", retryAfterMs: 30_000 }),
  );
  await page.getByLabel("User name").fill("maja");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText(/The next one counts in \d+ s/).waitFor();
  fake.world.answers.clear();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Jobs" }).waitFor();
  expect(new URL(page.url()).search).toBe("?state=failed");
});

test("over plain HTTP the sign-in page says why it cannot sign in and how to put TLS in front", async () => {
  await open("/", (world) => {
    world.role = null;
    world.signInPossible = false;
  });
  await page.getByText("You cannot sign in over this connection").waitFor();
  await page.getByText("reverse_proxy 127.0.0.1:8080").waitFor();
  expect(await page.getByLabel("Password").count()).toBe(0);
});

test("the install line outlasts a reload, and is forgotten once the token is used", async () => {
  const tokenId = id(700);
  await open("/hosts/new");
  await page.getByLabel("Name", { exact: true }).fill("web-eu-3");
  await page.getByLabel("Repository address").fill("rest:https://vault.example.net/web-eu-3");
  await page.getByLabel("User name of the REST server").fill("host");
  await page.getByLabel("Repository password").fill("secret");
  await page.getByLabel("First paths").fill("/srv");
  await page.getByRole("button", { name: "Make install command" }).click();
  const command = page.getByLabel("Install command", { exact: true });
  await command.waitFor();
  await page.reload();
  await command.waitFor();

  const host = fake.world.hosts[4]!;
  fake.world.enrollments[0] = { ...fake.world.enrollments[0]!, state: "used", hostId: host.id };
  fake.toFleet({ type: "tokenUsed", tokenId, hostId: host.id });
  await page.getByText("The agent is connected").waitFor();
  await page.getByRole("button", { name: "Run first backup" }).waitFor();
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain("rmt_");
});

/** A locked host and the machines that claim it, on its own page. */
async function openLocked(change: (claimants: [ClaimantResource, ClaimantResource], world: World) => void) {
  let hostId = "";
  await open("/", (world) => {
    const nowMs = Date.now();
    const claimant: ClaimantResource = {
      no: 3,
      standing: "open",
      held: true,
      alike: false,
      join: 42,
      facts: { hostname: "web-1-copy", hardware: "a".repeat(64), network: "b".repeat(64), machineId: "c".repeat(64) },
      agentVersion: "0.1.0",
      address: "192.0.2.2",
      firstSeenAtMs: nowMs - 120_000,
      lastSeenAtMs: nowMs - 60_000,
    };
    const original = {
      ...claimant,
      no: 4,
      held: false,
      join: 41,
      facts: { ...claimant.facts, hostname: "web-1", hardware: "d".repeat(64), network: "e".repeat(64) },
      address: "192.0.2.1",
      firstSeenAtMs: nowMs - 90 * 24 * 3600_000,
    };
    const claimants: [ClaimantResource, ClaimantResource] = [claimant, original];
    const host = { ...world.hosts[0]!, locked: true, online: false };
    hostId = host.id;
    world.hosts[0] = host;
    world.answers.set(`POST /api/hosts/${host.id}/clone-choice`, { status: 200, body: undefined });
    world.details.set(host.id, { ...detailOf(host, nowMs), claimants });
    change(claimants, world);
    world.details.set(host.id, { ...world.details.get(host.id)!, claimants });
  });
  await page.getByText("is claimed by two machines").waitFor();
  await page.goto(`${fake.origin}/hosts/${hostId}`);
  return hostId;
}

test("the machines that claim a locked host stand side by side, and an administrator picks one", async () => {
  const hostId = await openLocked(([copy]) => (copy.facts = { ...copy.facts, hostname: "<b>copy</b>" }));
  await page.getByRole("heading", { name: "Which machine is this host?" }).waitFor();
  const cards = page.getByRole("listitem").filter({ hasText: "This is the right one" });
  expect(await cards.count()).toBe(2);
  await cards.filter({ hasText: "<b>copy</b>" }).getByText("connected when it was locked").waitFor();
  await page.getByText("The same on all of them: machine id cccccccc; agent 0.1.0.").waitFor();
  await cards.filter({ hasText: "192.0.2.1" }).getByRole("button").click();
  await page.getByRole("dialog").getByText("gets this host's jobs and credentials").waitFor();
  await page.getByRole("button", { name: "Let it in" }).click();
  await page.getByText("web-1 is let in when it connects next.").waitFor();
  const choice = { method: "POST", path: `/api/hosts/${hostId}/clone-choice`, body: { claimant: 4 } };
  expect(fake.asked.filter(({ path }) => path !== "/api/grants")).toEqual([choice]);
});

test("machines that tell the same are said to be perhaps one, and only an administrator picks", async () => {
  await openLocked((claimants, world) => {
    world.role = "operator";
    claimants[1].facts = claimants[0].facts;
    for (const claimant of claimants) claimant.alike = true;
  });
  await page.getByText("By what they tell they are one machine").waitFor();
  await page.getByText("An administrator has to pick the right one.").waitFor();
  expect(await page.getByRole("button", { name: "This is the right one" }).count()).toBe(0);
});
