import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { HostDetail, JobResource } from "../../protocol/api.ts";
import type { JobRecord } from "../../protocol/wire.ts";
import { launchChromium } from "../support/chromium.ts";
import { problem, startFakeConsole, type FakeConsole, type World } from "../support/fake-console-api.ts";
import { id, sampleWorld } from "../support/sample-fleet.ts";

/** Care of repositories in the console: the built pages in Chromium against a server that says what a test tells it. */

let browser: Browser;
let page: Page;
let fake: FakeConsole;
const problems: string[] = [];
const MIN = 60_000;

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
  // Nothing runs, so that every button says only what a test is about.
  world.jobs = world.jobs.filter((job) => job.state !== "running");
  change(world);
  fake = await startFakeConsole(world);
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused|Trusted/.test(message.text())) problems.push(message.text());
  });
  await page.goto(fake.origin + path);
}

const nas = id(6);
const nasDetail = (world: World): HostDetail => world.details.get(nas)!;
const button = (name: string | RegExp) => page.getByRole("button", { name });
const dialog = () => page.getByRole("dialog");
/** What the page asked the server to do, without its grants. */
const asked = () => fake.asked.filter((one) => !one.path.endsWith("/grants"));
async function untilAsked(path: RegExp): Promise<unknown> {
  for (;;) {
    const found = asked().find((one) => path.test(one.path));
    if (found) return found.body;
    await new Promise((done) => setTimeout(done, 20));
  }
}

test("the dashboard shows thirty days, the next run and the size of each host", async () => {
  await open("/");
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: "web-eu-2" }) });
  await row.getByRole("img", { name: "Last 30 days: 26 succeeded, 2 with warnings, 2 failed" }).waitFor();
  expect(await row.locator("svg.strip path").count()).toBe(3);
  const late = page.getByRole("row").filter({ has: page.getByRole("link", { name: "win-acct-3" }) });
  await late.getByText("overdue").waitFor();
  await late.getByText("94 GiB").waitFor();
  await page.getByText("54.2 TiB before deduplication").waitFor();

  await button("Next run").click();
  expect(new URL(page.url()).search).toBe("?sort=next");
  const hosts = await page.locator("table.fleet tbody a.host").allTextContents();
  expect([hosts[0], hosts.at(-1)]).toEqual(["win-acct-3", "laptop-maja"]);
});

test("keys move between the rows and open one, from the first on", async () => {
  await open("/");
  await page.locator("table.fleet tbody tr[tabindex]").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/hosts\/[^/]+$/);
});

test("what needs attention says its cause, and carries its cure", async () => {
  await open("/");
  const attention = page.getByRole("region", { name: "Needs attention" });
  const failing = attention.getByRole("listitem").filter({ hasText: "web-eu-2" });
  await failing.getByText("The repository is locked by web-eu-2, process 4121, since Sun 11:40.").waitFor();
  await failing.getByRole("button", { name: "Unlock repository" }).click();
  expect(await untilAsked(/\/jobs$/)).toEqual({ kind: "unlock" });
});

test("an administrator sees the plan that the guard holds and releases exactly that one", async () => {
  await open("/");
  const held = page.getByRole("region", { name: "Needs attention" }).getByRole("listitem").filter({ hasText: "waits" });
  await held.getByText("More than 20 % of the snapshots").waitFor();
  await held.getByRole("button", { name: "Release…" }).click();
  await dialog().getByText("2 of 15 snapshots").waitFor();
  await dialog().getByRole("button", { name: "Forget 2 snapshots" }).click();
  expect(await untilAsked(/\/release$/)).toEqual({ fingerprint: "plan-of-two" });
});

test("a plan that changed meanwhile is shown anew instead of released", async () => {
  const jobId = id(1009);
  await open(`/jobs/${jobId}`);
  await page.getByText("More than 20 % of the snapshots").waitFor();
  fake.world.answers.set(
    `POST /api/jobs/${jobId}/release`,
    problem(409, { code: "forget.plan_changed", message: "Another snapshot came." }),
  );
  await button("Release…").click();
  await button("Forget 2 snapshots").click();
  await dialog().getByText("The plan is no longer the one that was shown.").waitFor();
  await dialog().getByText("2 of 15 snapshots").waitFor();
});

test("who may not release sees the plan and why the button is off", async () => {
  await open(`/jobs/${id(1009)}`, (world) => {
    world.role = "operator";
  });
  await page.getByText("2 of 15 snapshots").waitFor();
  expect(await button("Release…").isDisabled()).toBe(true);
  expect(await button("Release…").getAttribute("title")).toBe("Only an admin releases a held plan.");
  await button("Discard plan").click();
  await untilAsked(/\/cancel$/);
});

test("a backup asks which schedule, and takes a limit in MiB/s for this run", async () => {
  await open(`/hosts/${nas}`);
  await button("Back up: Run…").click();
  await dialog().getByLabel("Schedule").selectOption("nightly");
  await dialog()
    .getByLabel(/Upload limit/)
    .fill("much");
  await dialog().getByText("Enter a number, such as 1.5.").waitFor();
  expect(await dialog().getByRole("button", { name: "Run backup" }).isDisabled()).toBe(true);
  await dialog()
    .getByLabel(/Upload limit/)
    .fill("1.5");
  await dialog().getByRole("button", { name: "Run backup" }).click();
  expect(await untilAsked(/\/jobs$/)).toEqual({
    kind: "backup",
    scheduleId: id(800),
    verbose: false,
    limits: { uploadKiBs: 1536 },
  });
});

test("Run on a row of the fleet asks which schedule where the server cannot tell", async () => {
  await open("/");
  const refusal = problem(409, { code: "schedule.choose", message: "nightly, before-upgrade" });
  fake.world.answers.set(`POST /api/hosts/${nas}/jobs`, refusal);
  await button("Run backup on nas-01").click();
  await dialog().getByLabel("Schedule").waitFor();
  fake.world.answers.clear();
  await dialog().getByRole("button", { name: "Run backup" }).click();
  await page.waitForURL(/\/jobs\//);
});

test("a check reads as much as is asked for", async () => {
  await open(`/hosts/${nas}`);
  await button("Check: Run…").click();
  await dialog().getByLabel("How much to read").selectOption("part");
  await dialog().getByLabel("Part of the data").fill("0");
  await dialog().getByText("Enter a whole number from 1 to 100.").waitFor();
  await dialog().getByLabel("Part of the data").fill("10");
  await dialog().getByRole("button", { name: "Run check" }).click();
  expect(await untilAsked(/\/jobs$/)).toMatchObject({ kind: "check", readData: { mode: "percent", percent: 10 } });
});

test("a forget is previewed, and is not offered where the host would refuse it", async () => {
  const command = "sudo restic-manager-agent policy set keep_at_least 2";
  await open(`/hosts/${nas}`, (world) => {
    world.plan = { ...world.plan!, hostRefusal: `It would leave 2. To allow it, run on the host: ${command}` };
  });
  await button("Forget: Preview").click();
  await dialog().getByText("The host would refuse.").waitFor();
  await dialog().getByText(command, { exact: true }).waitFor();
  expect(await dialog().getByRole("button", { name: "Forget 2 snapshots" }).isDisabled()).toBe(true);
});

test("a prune needs the host's name, and a host that forbids it says how to allow it", async () => {
  await open(`/hosts/${nas}`);
  await button("Prune: Run…").click();
  const prune = dialog().getByRole("button", { name: "Prune repository" });
  expect(await prune.isDisabled()).toBe(true);
  await dialog()
    .getByLabel(/Type nas-01/)
    .fill("nas-01");
  await prune.click();
  expect(await untilAsked(/\/jobs$/)).toMatchObject({ kind: "prune", repositoryId: id(900) });
  await page.close();
  await fake.stop();

  await open(`/hosts/${nas}`, (world) => {
    nasDetail(world).policy!.allowPrune = false;
  });
  await page.getByText(/sudo restic-manager-agent policy set allow_prune true/).waitFor();
  expect(await button("Prune: Run…").isDisabled()).toBe(true);
});

test("what an operator may not run says so, and an offline host runs nothing", async () => {
  await open(`/hosts/${nas}`, (world) => {
    world.role = "operator";
  });
  await page.getByText("Only an admin prunes: it deletes data.").waitFor();
  expect(await button("Check: Run…").isEnabled()).toBe(true);
  await page.close();
  await fake.stop();

  await open(`/hosts/${id(4)}`);
  await page.getByText(/Its own schedules go on without the server/).waitFor();
  expect(await button("Check: Run…").getAttribute("title")).toBe("The host is offline.");
});

test("the repository tab says how much, how well, and who may delete", async () => {
  await open(`/hosts/${nas}/repository`, (world) => {
    const [repository] = nasDetail(world).repositories;
    repository!.lastCheck = {
      jobId: id(1006),
      atMs: Date.now() - MIN,
      ok: false,
      read: "3/30",
      message: "Pack 8a is damaged.",
    };
    repository!.locks = [{ id: "l", timeMs: Date.now() - 90 * MIN, exclusive: true, hostname: "web-eu-2", pid: 4121 }];
  });
  const health = page.getByRole("region", { name: "Health" });
  await health.getByText(/part 3 of 30 of the data read\.$/).waitFor();
  await health.getByText("Pack 8a is damaged.").waitFor();
  await health.getByText(/web-eu-2, process 4121, since .* \(exclusive\)/).waitFor();
  await page.getByText("yes, prune uses the admin credential").waitFor();

  await button("Replace").click();
  await button("Save credential").click();
  await dialog().getByText("Enter the repository password.").waitFor();
  await dialog().getByLabel("Repository password").fill("secret");
  await dialog().getByLabel("Password of the REST server").fill("delete");
  await button("Save credential").click();
  expect(await untilAsked(/\/repo-credentials$/)).toMatchObject({
    repositoryId: id(900),
    purpose: "admin",
    password: "secret",
    env: { RESTIC_REST_PASSWORD: "delete" },
  });
});

test("what the host's agent refuses is said with the command that allows it", async () => {
  await open(`/hosts/${nas}`, (world) => {
    nasDetail(world).refusedRepositories = [
      {
        id: id(900),
        code: "policy.forbidden",
        message:
          "This host uses another repository. To allow this one, run on the host: `sudo restic-manager-agent policy allow-repository rest:https://new`",
      },
    ];
  });
  await page.getByText("The host does not use rest:https://vault.example.net/nas-01.").waitFor();
  await page.getByText("sudo restic-manager-agent policy allow-repository rest:https://new", { exact: true }).waitFor();
});

test("jobs are found by kind, state, host and day, and the filters are in the address", async () => {
  await open("/jobs");
  await page.getByLabel("Kind").selectOption("Prune");
  await page.getByLabel("Host").fill("nas-01");
  await page.waitForURL(/kind=prune&host=/);
  await page.getByRole("link", { name: "Prune" }).waitFor();
  expect(await page.getByRole("row").count()).toBe(2);
  await button("Failed").click();
  await page.getByText("No jobs match").waitFor();
  await page.getByRole("link", { name: "Clear filters" }).click();
  await page.getByRole("link", { name: "Snapshot list" }).waitFor();

  await page.goto(`${fake.origin}/hosts/${nas}`);
  await page
    .getByRole("link", { name: /Today|: succeeded/ })
    .last()
    .click();
  await page.waitForURL(/\/jobs\?day=\d{4}-\d\d-\d\d$/);
});

/** Opens the page of a job of nas-01 that runs and has said `records`. */
async function openRunning(job: Partial<JobResource>, records: readonly JobRecord[]): Promise<string> {
  const jobId = id(1000);
  await open("/", (world) => {
    world.jobs.push({ ...sampleWorld(Date.now()).jobs[0]!, ...job, id: jobId });
  });
  await page.goto(`${fake.origin}/jobs/${jobId}`);
  await fake.watched(jobId);
  fake.toJob(jobId, { type: "state", state: "running", ackedSeq: records.length, cancelAsked: false });
  fake.toJob(jobId, { type: "records", first: 1, records: [...records] });
  return jobId;
}

test("a job that waits for a lock says who holds it", async () => {
  const atMs = Date.now() - MIN;
  await openRunning({ kind: "prune" }, [
    { type: "started", atMs },
    { type: "phased", atMs, phase: "prepare" },
    { type: "phased", atMs, phase: "lock" },
    { type: "logged", atMs, stream: "agent", text: "Waiting for the lock of web-eu-2, process 4121, since 11:40" },
  ]);
  await page.getByText("The repository is locked by web-eu-2, process 4121, since 11:40.").waitFor();
  await page.getByRole("listitem").filter({ hasText: "Wait for lock" }).waitFor();
});

test("lines of hooks are named, and can be shown alone", async () => {
  const atMs = Date.now() - MIN;
  await openRunning({ kind: "backup", source: "schedule", missed: 3 }, [
    { type: "phased", atMs, phase: "pre_hook" },
    { type: "logged", atMs, stream: "hook", text: "dumped 4 tables" },
    { type: "logged", atMs, stream: "restic", text: "scan finished" },
  ]);
  await page.getByText(/3 earlier runs of this schedule were missed/).waitFor();
  const log = page.getByRole("log");
  await log.getByText("scan finished").waitFor();
  await button("Hooks 1").click();
  expect(await log.locator(".ln").allTextContents()).toEqual([expect.stringMatching(/hookdumped 4 tables$/)]);
});

test("one try is under way when the browser says that the network is back", async () => {
  await open("/");
  await page.getByText("12 hosts shown").waitFor();
  const dials = () => fake.dialled.filter((path) => path === "/ws/fleet").length;
  fake.cut(true);
  await page.getByText(/^Reconnecting, showing/).waitFor();
  fake.cut(false);
  const before = dials();
  await page.evaluate(() => {
    for (let i = 0; i < 3; i++) window.dispatchEvent(new Event("online"));
  });
  await page.getByText("Live", { exact: true }).waitFor();
  expect(dials() - before).toBe(1);
});

test("what is shown is dimmed once nobody has heard for 30 s, and is clear again when it is new", async () => {
  await open("/");
  await page.clock.install();
  await page.reload();
  await page.getByText("12 hosts shown").waitFor();
  fake.cut(true);
  await page.getByText(/^Reconnecting, showing/).waitFor();
  expect(await page.locator("main.old").count()).toBe(0);
  await page.clock.fastForward(31_000);
  await page.locator("main.old").waitFor();
  fake.cut(false);
  await page.clock.fastForward(16_000);
  await page.locator("main:not(.old)").waitFor();
  await page.getByText("12 hosts shown").waitFor();
});
