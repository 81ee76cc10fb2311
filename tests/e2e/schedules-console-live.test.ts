import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostDetail } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { launchChromium } from "../support/chromium.ts";
import { admin, runtimes, type Product, type TestAgent } from "../support/product.ts";
import { startScheduleScene, type ScheduleScene } from "../support/schedule-scene.ts";

/** The editor against the real server: what a person fills in is what a real agent runs. */
describe.each(runtimes)("schedules in the console on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let browser: Browser;
  let page: Page;
  let scene: ScheduleScene;
  let agent: TestAgent;
  let source: string;
  const problems: string[] = [];

  beforeAll(async () => {
    scene = await startScheduleScene(runtime, "schedules-console");
    ({ product, api, agent, source } = scene);
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(`${product.origin}/login`);
    await page.getByLabel("User name").fill(admin.username);
    await page.getByLabel("Password", { exact: true }).fill(admin.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("link", { name: "Add host" }).first().waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await scene?.stop();
  });

  const detail = () => api.get<HostDetail>(`/api/hosts/${agent.hostId}`);
  const field = (label: string | RegExp) => page.getByLabel(label, { exact: typeof label === "string" });
  const button = (name: string) => page.getByRole("button", { name });

  test("a schedule made in the editor reaches the agent, runs, and shows what its rules would drop", async () => {
    await page.goto(`${product.origin}/hosts/${agent.hostId}/schedules/new`);
    await field("Name").fill("by hand");
    await field("Only when I run it").check();
    await field("Paths").fill(source);
    await field(/^Tags/).fill("console");
    await field("Daily").fill("");
    await field("Weekly").fill("");
    await field("Monthly").fill("");
    await field("Last").fill("2");
    await button("Add schedule").click();
    await page.getByText(/^Version \d+, agent in sync$/).waitFor();

    await button("Run by hand").click();
    await page.getByText("Succeeded").first().waitFor();
    const { schedules } = await detail();
    const made = schedules.find(({ name }) => name === "by hand")!;
    expect(made).toMatchObject({ manual: true, tags: ["console"], retention: { keep: { last: 2 } } });

    await page.goto(`${product.origin}/hosts/${agent.hostId}/schedules/${made.id}`);
    await page.getByText("Keeps its only snapshot").waitFor();
    await field("Last").fill("0");
    await field("Last").blur();
    await page.locator(".err", { hasText: "at least 1" }).waitFor();
    await field("Last").fill("3");
    await field(/^Upload/).fill("2.5");
    await button("Save schedule").click();
    await page.getByText(/^Version \d+, agent in sync$/).waitFor();
    expect((await detail()).schedules.find(({ id }) => id === made.id)).toMatchObject({
      version: 2,
      limits: { uploadKiBs: 2560 },
      retention: { keep: { last: 3 } },
    });
    expect(problems).toEqual([]);
  });

  test("hooks and what the host's policy says of them come from the agent itself", async () => {
    await page.goto(`${product.origin}/hosts/${agent.hostId}/schedules`);
    await page.getByRole("link", { name: "by hand" }).click();
    await field("Hooks of its own").check();
    expect(await field("Before the backup").locator("option").allTextContents()).not.toContain("Text written here");
    await button("Save schedule").click();
    await page.getByText("Schedule saved and sent to the agent").waitFor();
    expect((await detail()).schedules.find(({ name }) => name === "by hand")).toMatchObject({ hasHooks: true });
    expect(problems).toEqual([]);
  });
});
