import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { HooksResource, HostDetail, ScheduleResource } from "../../protocol/api.ts";
import { launchChromium } from "../support/chromium.ts";
import { problem, startFakeConsole, type FakeConsole, type World } from "../support/fake-console-api.ts";
import { planOf } from "../support/fake-schedules.ts";
import { sampleWorld } from "../support/sample-fleet.ts";

/** Schedules in the console: the built pages in Chromium against a server that keeps them as the real one does. */

let browser: Browser;
let page: Page;
let fake: FakeConsole;
let host: HostDetail;
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

const nightly = (): ScheduleResource => fake.world.details.get(host.id)!.schedules[0]!;

/** Opens a page below the schedules of nas-01, seen from New York. */
async function open(below: string, change: (world: World, host: HostDetail) => void = () => undefined): Promise<void> {
  const world = sampleWorld(Date.now());
  world.plan = null;
  host = [...world.details.values()].find((each) => each.name === "nas-01")!;
  change(world, host);
  fake = await startFakeConsole(world);
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, timezoneId: "America/New_York" });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused|Trusted/.test(message.text())) problems.push(message.text());
  });
  await page.goto(`${fake.origin}/hosts/${host.id}/${below}`);
}
/** Changes what the server has of the host, and says so on the feed. */
function change(next: Partial<HostDetail>): void {
  const detail = { ...fake.world.details.get(host.id)!, ...next };
  fake.world.details.set(host.id, detail);
  fake.toFleet({ type: "hostChanged", host: detail });
}

const field = (label: string | RegExp) => page.getByLabel(label, { exact: typeof label === "string" });
/** As if pasted: Chromium itself takes minutes to type ten thousand lines. */
async function put(into: Locator, text: string): Promise<void> {
  await into.focus();
  await into.evaluate((element, value) => {
    (element as HTMLTextAreaElement).value = value;
    element.dispatchEvent(new Event("input", { bubbles: true }));
  }, text);
  await into.blur();
}
const button = (name: string | RegExp) => page.getByRole("button", { name });
const toServer = (method: string) =>
  fake.asked.filter((each) => each.method === method && !each.path.endsWith("/grants"));
const edits = () => [...toServer("PUT"), ...toServer("POST").filter((each) => each.path.endsWith("/schedules"))];

test("a schedule is made: presets and cron say the same, and what is typed is what is sent", async () => {
  await open("schedules");
  await page.getByRole("link", { name: "Add schedule" }).click();
  await field("Name").fill("offices");
  await button("Weekly").click();
  await page.getByRole("heading", { name: "Saturdays at 02:00" }).waitFor();
  expect(await field("Cron").inputValue()).toBe("0 2 * * 6");
  expect(await field("Time zone").inputValue()).toBe("America/New_York");
  await field("Cron").fill("15 9 * * 1-5");
  await button("Weekdays").and(page.locator("[aria-pressed=true]")).waitFor();
  await field("Time zone").fill("Europe/Berlin");
  await page.getByText("Next 5 runs, Europe/Berlin").waitFor();
  expect(await page.locator("aside li b").allTextContents()).toEqual(Array(5).fill("09:15"));
  await field("Paths").fill("/srv\n/home\n");
  await field(/^Leave out/).fill("*.tmp");
  await field(/^Upload/).fill("1.5");
  await field("Daily").fill("14");
  await field("Monthly").fill("");
  await button("Add schedule").click();

  await page.getByText("Schedule saved and sent to the agent").waitFor();
  await page.getByRole("link", { name: "offices" }).waitFor();
  expect(edits()).toMatchObject([
    {
      method: "POST",
      body: {
        kind: "backup",
        name: "offices",
        cron: "15 9 * * 1-5",
        timeZone: "Europe/Berlin",
        paths: ["/srv", "/home"],
        excludes: ["*.tmp"],
        limits: { uploadKiBs: 1536 },
        retention: { keep: { daily: 14, weekly: 5 }, when: "after_backup" },
      },
    },
  ]);
});

test("bad input is said beside its field, typed as it was, and nothing is sent", async () => {
  await open(`schedules/new`);
  await field("Name").fill("bad");
  await field("Paths").fill("/srv");
  const cases: [label: string | RegExp, bad: string, says: RegExp, good: string][] = [
    ["Cron", "0 30 13 * * *", /no field for seconds/, "30 13 * * *"],
    ["Cron", "whenever", /needs five fields/, "30 13 * * *"],
    ["Cron", "0 0 30 2 *", /never fires/, "30 13 * * *"],
    ["Time zone", "Mars/Olympus", /not a known time zone/, "UTC"],
    ["Paths", "srv", /“srv” must be an absolute path/, "/srv"],
    ["Paths", "/a\u0000b", /must not contain control characters/, "/srv"],
    ["Paths", Array.from({ length: 10_000 }, (_, i) => `/p${i}`).join("\n"), /500/, "/srv"],
    [/^Leave out/, "a\u0001b", /must not contain control characters/, ""],
    ["Daily", "0", /at least 1/, "7"],
    ["Daily", "-1", /at least 1/, "7"],
    ["Daily", "1000000000", /at most 10,000/, "7"],
    [/^Upload/, "fast", /leave it empty for no limit/, ""],
    [/^Spread start over/, "9999", /0 to 1,440/, "0"],
  ];
  for (const [label, bad, says, good] of cases) {
    await put(field(label), bad);
    await page.locator(".err", { hasText: says }).first().waitFor();
    await page.getByText("Fix 1 field first").waitFor();
    expect(await button("Add schedule").isDisabled()).toBe(true);
    expect(await field(label).inputValue()).toBe(bad);
    await field(label).fill(good);
    await page.getByText("Fix 1 field first").waitFor({ state: "detached" });
  }
  expect(edits()).toEqual([]);
});

test("a fault of several keep rules is said once, with their names, and no plan is promised", async () => {
  await open("schedules");
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules/${nightly().id}`);
  await put(field("Daily"), "0");
  await put(field("Weekly"), "0");
  await page.locator(".err", { hasText: "Daily, Weekly: Must be at least 1" }).waitFor();
  expect(await field("Daily").getAttribute("aria-describedby")).toBe("keep-counts");
  await page.getByText("What these rules would drop shows once they can be read.").waitFor();
});

test("what only the server finds is said beside its field too", async () => {
  await open("schedules/new");
  fake.world.answers.set(`POST /api/hosts/${host.id}/schedules`, {
    status: 422,
    body: {
      ...problem(422, { code: "request.invalid", message: "" }).body,
      errors: [
        { field: "paths.0", message: "is not allowed" },
        { field: "retention.keep.daily", message: "is too much" },
      ],
    },
  });
  await field("Name").fill("odd");
  await field("Paths").fill("/srv");
  await button("Add schedule").click();
  await page.locator(".err", { hasText: "is too much" }).waitFor();
  await page.getByText("Fix 2 fields first").waitFor();
  await field("Paths").fill("/home");
  await page.getByText("Fix 1 field first").waitFor();
  expect(await field("Name").inputValue()).toBe("odd");
});

test("changes are listed before they are saved, and a second editor is not overwritten", async () => {
  await open("schedules");
  await page.getByRole("link", { name: "nightly" }).click();
  await field("Daily").fill("30");
  await page.getByText("1 change", { exact: true }).waitFor();
  await page.getByText("nas-01 is online and gets version 8 at once.").waitFor();
  const { schedules, scheduleVersion } = fake.world.details.get(host.id)!;
  const theirs = { ...schedules[0]!, name: "theirs", version: 4 } as ScheduleResource;
  fake.world.details.set(host.id, {
    ...host,
    schedules: [theirs, ...schedules.slice(1)],
    scheduleVersion: scheduleVersion + 1,
  });
  await button("Save schedule").click();
  const alert = page.getByRole("alert");
  await alert.getByText("What you typed is still here").waitFor();
  expect(await field("Daily").inputValue()).toBe("30");
  await alert.getByRole("button", { name: "Open it again" }).click();
  await page.getByRole("heading", { name: "Edit schedule theirs" }).waitFor();
  expect(await field("Daily").inputValue()).toBe("7");

  await field("Daily").fill("31");
  await button("Save schedule").click();
  await page.getByText("Schedule saved").waitFor();
  expect(edits().map(({ body }) => (body as { version: number }).version)).toEqual([3, 4]);
  expect(nightly()).toMatchObject({ version: 5, name: "theirs", retention: { keep: { daily: 31 } } });
});

test("someone else's change shows at once while nothing is typed, and is said while something is", async () => {
  await open("schedules");
  await page.getByRole("link", { name: "nightly" }).click();
  await field("Name").waitFor();
  const renamed = (name: string, version: number) =>
    change({ schedules: [{ ...nightly(), name, version } as ScheduleResource] });
  renamed("second", 4);
  await page.getByRole("heading", { name: "Edit schedule second" }).waitFor();
  await field("Daily").fill("9");
  renamed("third", 5);
  await page.getByText("Someone else changed this schedule meanwhile.").waitFor();
  expect(await field("Daily").inputValue()).toBe("9");
});

test("a plan that the guard holds is let through by an admin who saw it, and only that plan", async () => {
  await open(`schedules/x`, (_, detail) => {
    detail.policy = { ...detail.policy!, maxShare: 1 };
  });
  await page.getByText("This schedule does not exist.").waitFor();
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules/${nightly().id}`);
  await page.getByText(/of 131 snapshots/).waitFor();
  await page.getByText("More than 20 % of the snapshots").waitFor();
  const confirm = field(/^Carry out exactly this plan once/);
  await confirm.check();
  await page.getByText("Forget now").waitFor();
  // Other rules are another plan.
  await field("Daily").fill("20");
  await page.getByText("Forget now").waitFor({ state: "detached" });
  await page.locator(".stale").waitFor({ state: "detached" });
  expect(await confirm.isChecked()).toBe(false);
  await confirm.check();
  await button("Save schedule").click();
  await page.getByText("Schedule saved").waitFor();
  const plan = planOf(nightly().id, { daily: 20, weekly: 5, monthly: 12 }, Date.now());
  expect(edits()).toMatchObject([{ body: { version: 3, confirmPlan: plan.fingerprint } }]);
});

test("a plan that changed since it was confirmed is shown anew and asks again", async () => {
  await open("schedules/new", (_, detail) => {
    detail.policy = { ...detail.policy!, maxShare: 1 };
  });
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules/${nightly().id}`);
  const confirm = field(/^Carry out exactly this plan once/);
  await confirm.check();
  const changed = problem(409, { code: "forget.plan_changed", message: "There is a new snapshot." });
  fake.world.answers.set(`PUT /api/hosts/${host.id}/schedules/${nightly().id}`, changed);
  const shown = toServer("POST").length;
  await button("Save schedule").click();
  await page.getByRole("alert").getByText("There is a new snapshot.").waitFor();
  await expect.poll(() => toServer("POST").length).toBe(shown + 1);
  expect(await confirm.isChecked()).toBe(false);
});

test("a plan that the host itself would refuse says the local command, and offers no release", async () => {
  await open(`schedules/new`);
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules/${nightly().id}`);
  await page.getByText("The host would refuse it").waitFor();
  await page.getByText(/^sudo restic-manager-agent policy set max_share/).waitFor();
  expect(await field(/^Carry out exactly/).count()).toBe(0);
});

test("the list says what runs when and where the agent stands; its switches act at once", async () => {
  await open("schedules", (_, detail) => {
    detail.appliedScheduleVersion = 6;
    const [first, second, third] = detail.schedules;
    detail.schedules = [
      first!,
      { ...second!, late: true },
      { ...third!, refused: { code: "policy.forbidden", message: "The path /etc is not allowed here." } },
    ] as ScheduleResource[];
  });
  await page.getByText("Agent at version 6 of 7").waitFor();
  await page.getByText("Every day at 13:30").waitFor();
  await page.getByText("7 daily, 5 weekly, 12 monthly").waitFor();
  await page.getByText("5 % of data").waitFor();
  await page.getByText("Late", { exact: true }).waitFor();
  await page.getByRole("table").getByText("The path /etc is not allowed here.").waitFor();
  change({ appliedScheduleVersion: 7 });
  await page.getByText("Version 7, agent in sync").waitFor();

  await page.getByRole("switch", { name: "nightly on" }).click();
  await page.getByText("nightly is off").waitFor();
  await page.getByText("Version 8, agent in sync").waitFor();
  expect(nightly().enabled).toBe(false);
  fake.world.answers.set(
    `PUT /api/hosts/${host.id}/schedules/${nightly().id}`,
    problem(409, { code: "schedule.changed", message: "" }),
  );
  await page.getByRole("switch", { name: "nightly on" }).click();
  await page.getByRole("alert").waitFor();
  expect(await page.getByRole("switch", { name: "nightly on" }).isChecked()).toBe(false);
});

test("leaving with unsaved changes asks, by a link, by the back button and by a key", async () => {
  await open("schedules");
  await page.getByRole("link", { name: "nightly" }).click();
  await field("Daily").fill("8");
  await page.getByRole("link", { name: "Fleet" }).first().click();
  await button("Keep editing").click();
  expect(await field("Daily").inputValue()).toBe("8");
  await page.goBack();
  await button("Keep editing").click();
  expect(new URL(page.url()).pathname).toContain(nightly().id);
  await page.locator("h1").click();
  await page.keyboard.press("g");
  await page.keyboard.press("j");
  await button("Keep editing").click();
  expect(await field("Daily").inputValue()).toBe("8");
  await page.getByRole("link", { name: "Discard changes" }).click();
  await button("Discard changes").click();
  await page.getByText("weekly-check").waitFor();
  expect(edits()).toEqual([]);
});

test("hooks are scripts of the host by name; text only where the host takes it; others than admins see neither", async () => {
  await open(`schedules/new`, (_, detail) => {
    detail.policy = { ...detail.policy!, allowHooks: "named", hooks: ["dump.sh", "stop.sh"] };
  });
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules/${nightly().id}`);
  await field("Hooks of its own").check();
  const before = field("Before the backup");
  expect(await before.locator("option").allTextContents()).toEqual(["No hook", "dump.sh", "stop.sh"]);
  await before.selectOption("dump.sh");
  await page.getByText("This hook runs as the agent service user on nas-01").waitFor();
  await button("Save schedule").click();
  await page.getByText("Schedule saved").waitFor();
  expect(edits()).toMatchObject([
    { path: expect.stringMatching(/hooks$/), body: { version: 0, hooks: { pre: { kind: "named", name: "dump.sh" } } } },
  ]);

  change({ policy: { ...host.policy!, allowHooks: "remote", hooks: [] } });
  await page.getByRole("link", { name: "nightly" }).click();
  await field("After the backup").selectOption("Text written here");
  await field(/^After the backup, Text/).fill("echo $RM_JOB_STATUS");
  await button("Save schedule").click();
  await page.getByText("Schedule saved").waitFor();
  expect(fake.world.hooks.get(nightly().id)).toMatchObject({
    version: 2,
    hooks: { pre: { name: "dump.sh" }, post: { kind: "remote", text: "echo $RM_JOB_STATUS" } },
  });

  const earlier = fake.asked.length;
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules/new`);
  await field("Name").fill("dumps");
  await field("Paths").fill("/srv");
  await field("Hooks of its own").check();
  await field("Before the backup").selectOption("Text written here");
  await field(/^Before the backup, Text/).fill("echo dump");
  await button("Add schedule").click();
  await page.getByText("Schedule saved").waitFor();
  // On only when its hooks are there.
  expect(
    fake.asked.slice(earlier).filter(({ method, path }) => method !== "GET" && path.includes("/schedules")),
  ).toMatchObject([
    { method: "POST", body: { name: "dumps", enabled: false } },
    { method: "PUT", path: expect.stringMatching(/hooks$/) },
    { method: "PUT", body: { name: "dumps", enabled: true } },
  ]);

  fake.world.role = "operator";
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules/${nightly().id}`);
  await page.getByText("Only an admin sees and changes them.").waitFor();
  expect(await field("Hooks of its own").count()).toBe(0);
});

test("hooks that no key opens are said to be there, in both places, and what is saved replaces them", async () => {
  const unreadable: HooksResource = { hooks: null, version: 3, unreadable: true };
  await open("settings", (world, detail) => {
    detail.policy = { ...detail.policy!, allowHooks: "named", hooks: ["dump.sh"] };
    world.hooks.set(detail.id, unreadable).set(detail.schedules[0]!.id, unreadable);
  });
  const said = page.getByText("The server cannot read the stored hooks with its present key.");
  await said.waitFor();
  await page.getByRole("link", { name: "Schedules" }).click();
  await page.getByRole("link", { name: "nightly" }).click();
  await said.waitFor();
  expect(await field("Hooks of its own").isChecked()).toBe(true);
  await field("Before the backup").selectOption("dump.sh");
  await button("Save schedule").click();
  await page.getByText("Schedule saved").waitFor();
  expect(fake.world.hooks.get(nightly().id)).toMatchObject({ version: 4, hooks: { pre: { name: "dump.sh" } } });
  await page.getByRole("link", { name: "nightly" }).click();
  await page.getByText("This hook runs as the agent service user on nas-01").waitFor();
  expect(await said.count()).toBe(0);
});

test("default hooks of a host are saved with its shell", async () => {
  await open("settings");
  await field("Hook shell").fill("bash");
  await button("Save hooks").click();
  await page.locator(".err", { hasText: "Must be an absolute path" }).waitFor();
  expect(toServer("PUT")).toEqual([]);
  await field("Hook shell").fill("/bin/bash");
  await button("Save hooks").click();
  await page.getByText("Hooks saved and sent to the agent").waitFor();
  expect(toServer("PUT")).toMatchObject([{ body: { hooks: null, shell: "/bin/bash", version: 0 } }]);
});

test("what the host's policy or the person's role forbids is grey and says why", async () => {
  await open(`schedules/new`, (_, detail) => {
    detail.policy = { ...detail.policy!, allowPrune: false, allowPaths: ["/srv"], allowHooks: "none" };
    detail.online = false;
  });
  expect(await page.getByRole("radio", { name: /^Prune/ }).isDisabled()).toBe(true);
  await page.getByText("sudo restic-manager-agent policy set allow_prune true").waitFor();
  await field("Paths").fill("/srv/data\n/srvx");
  await page.getByText("The policy of this host does not allow /srvx to be backed up.").waitFor();
  await page.getByText("sudo restic-manager-agent policy set allow_paths /srv /srvx").waitFor();
  await field("Hooks of its own").check();
  await page.getByText("nas-01 runs no hooks.").waitFor();
  await page.getByText("Applied when the host is back.").waitFor();
  await page.getByRole("link", { name: "Discard schedule" }).click();
  await button("Discard changes").click();

  fake.world.role = "viewer";
  await page.goto(`${fake.origin}/hosts/${host.id}/schedules`);
  await page.getByText("weekly-check").waitFor();
  expect(await page.getByRole("switch", { name: "nightly on" }).isDisabled()).toBe(true);
  expect(await page.getByRole("link", { name: "Add schedule" }).count()).toBe(0);
  expect(await button(/^Run/).count()).toBe(0);
});

test("a forget schedule says whose rules it applies, and rules that wait for none say so", async () => {
  await open("schedules/new");
  await page.getByRole("radio", { name: /^Forget/ }).check();
  await page.getByText("No backup schedule waits for it.").waitFor();
  expect(await field("Paths").count()).toBe(0);
  await page.getByRole("radio", { name: /^Backup/ }).check();
  await field("Applied").selectOption("When a forget schedule of this repository runs");
  await page.getByText("Nothing is forgotten yet.").waitFor();
  await page.getByRole("radio", { name: /^Check/ }).check();
  await page.getByRole("radio", { name: /^All data in turn/ }).check();
  await field("All data is read within").fill("0");
  await field("All data is read within").blur();
  await page.locator(".err", { hasText: "from 1 to 365" }).waitFor();
  expect(edits()).toEqual([]);
});

test("a part of the console whose script does not come says so, with the way out", async () => {
  await open("schedules");
  await page.getByText("weekly-check").waitFor();
  await page.route("**/schedule-*.js", (route) => route.abort());
  await page.getByRole("link", { name: "nightly" }).click();
  await page.getByText("This part of the console could not be loaded.").waitFor();
  await page.unroute("**/schedule-*.js");
  await button("Reload page").click();
  await page.getByRole("heading", { name: "Edit schedule nightly" }).waitFor();
});

test("a schedule is removed after a question that says what stays", async () => {
  await open("schedules");
  await page.getByRole("link", { name: "before-upgrade" }).click();
  await field("Only when I run it").waitFor();
  expect(await field("Cron").count()).toBe(0);
  await button("Remove schedule").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Its snapshots stay in the repository").waitFor();
  await dialog.getByRole("button", { name: "Remove schedule" }).click();
  await page.getByText("Schedule removed").waitFor();
  await page.getByRole("link", { name: "before-upgrade" }).waitFor({ state: "detached" });
  expect(fake.world.details.get(host.id)!.schedules.map(({ name }) => name)).toEqual(["nightly", "weekly-check"]);
});
