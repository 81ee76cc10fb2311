import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { nodeBinary, runProcess, startProcess, type Running } from "../support/process.ts";
import { admin, makeSource, runtimes, startProduct, type Product } from "../support/product.ts";
import { resticBinary, runRestic, type ListedSnapshot } from "../support/restic.ts";

const password = "the repository's password";
const output = fileURLToPath(new URL("../../test-output/screenshots", import.meta.url));

/** The main job as an operator does it, in the system's Chromium, with the line from the page run on the host. */
describe.each(runtimes)("the console on %s", (runtime) => {
  let product: Product;
  let browser: Browser;
  let page: Page;
  let folder: string;
  let agent: Running | null = null;
  const problems: string[] = [];

  beforeAll(async () => {
    product = await startProduct(runtime);
    browser = await launchChromium();
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && /Content Security Policy|Refused/.test(message.text()))
        problems.push(message.text());
    });
    folder = temporaryFolder("console");
    makeSource(folder, 40, 400_000);
    mkdirSync(join(output, runtime), { recursive: true });
  });
  afterAll(async () => {
    await agent?.stop(20_000);
    await browser?.close();
    await product?.stop();
    removeFolder(folder);
  });

  /** The page as it is now: light, dark and at phone width. */
  async function picture(name: string): Promise<void> {
    for (const [look, scheme, width, height] of [
      ["", "light", 1440, 900],
      ["-dark", "dark", 1440, 900],
      ["-phone", "light", 390, 844],
    ] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: join(output, runtime, `${name}${look}.png`), fullPage: true });
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1440, height: 900 });
  }

  async function button(name: string | RegExp): Promise<void> {
    await page.getByRole("button", { name }).first().click();
  }

  test("the first admin is made with the token from the log, and signs in", async () => {
    await page.goto(product.origin);
    await page.getByLabel("Setup token").fill(await product.bootstrapToken());
    await page.getByLabel("User name").fill(admin.username);
    await page.getByLabel("Password", { exact: true }).fill(admin.password);
    await page.getByLabel("Password again").fill(admin.password);
    await picture("setup");
    await button("Create admin");
    await page.getByRole("link", { name: "Add host" }).first().waitFor();
    await picture("dashboard-empty");

    await page.getByRole("button", { name: "Sign out" }).first().click();
    await page.getByLabel("Password", { exact: true }).fill("not my password");
    await page.getByLabel("User name").fill(admin.username);
    await button("Sign in");
    await page.getByRole("alert").waitFor();
    await picture("login");
    await page.getByLabel("Password", { exact: true }).fill(admin.password);
    await button("Sign in");
    await page.getByRole("link", { name: "Add host" }).first().waitFor();
  });

  test("a host is added, and the line the page shows enrols a real agent", async () => {
    await page.getByRole("link", { name: "Add host" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("web-eu-3");
    await page.getByLabel("Repository address").fill(join(folder, "repository"));
    await page.getByLabel("Repository password").fill(password);
    await page.getByLabel("First paths").fill("not a path");
    await button("Make install command");
    await page.getByText("Fix 1 field first").waitFor();
    await picture("add-host-invalid");
    await page.getByLabel("First paths").fill(join(folder, "source"));
    await page.getByLabel("Tags").fill("prod, web");
    await picture("add-host");
    await button("Make install command");
    const line = (await page.getByLabel("Install command", { exact: true }).textContent())!;
    expect(line).toMatch(/^export RM_TOKEN=rmt_\S+; curl -fsSL http:\/\/\S+\/install\.sh \| sudo /);
    await picture("add-host-waiting");

    const installed = await runProcess("sh", ["-c", withoutSudo(line)], { env: hostEnv() });
    expect(installed, `${installed.stdout}${installed.stderr}`).toMatchObject({ code: 0 });
    expect(installed.stdout + installed.stderr).not.toMatch(/rmt_/);
    agent = startProcess(nodeBinary, [join(folder, "prefix/bin/restic-manager-agent"), "run"], { env: hostEnv() });
    await page.getByText("The agent is connected").waitFor({ timeout: 30_000 });
    await picture("add-host-connected");
  });

  test("the install line run twice keeps the host's identity", async () => {
    const again = await runProcess(
      "sh",
      ["-c", `curl -fsSL ${product.origin}/install.sh | sh -s -- --server ${product.origin}`],
      { env: hostEnv() },
    );
    expect(again, `${again.stdout}${again.stderr}`).toMatchObject({ code: 0 });
  });

  test("Run now lands on the live page, where lines appear and restic's snapshot is named", async () => {
    await page.goto(product.origin);
    await page.getByRole("link", { name: "web-eu-3" }).first().click();
    await page.getByRole("heading", { name: "web-eu-3" }).waitFor();
    await picture("host-new");
    await button("Back up: Run…");
    await page.getByLabel("List every file in the log").check();
    await picture("run-backup");
    await page.getByRole("dialog").getByRole("button", { name: "Run backup" }).click();
    await page.waitForURL(/\/jobs\//);
    const log = page.getByRole("log");
    await log.getByText(/file-0001\.bin/).waitFor();
    await picture("job-live");
    await page.getByText("Succeeded").first().waitFor({ timeout: 60_000 });
    await picture("job-succeeded");

    const witness = await runRestic(resticBinary("0.18.0"), { address: join(folder, "repository"), password }, [
      "snapshots",
      "--json",
    ]);
    const [snapshot, ...more] = JSON.parse(witness.stdout) as ListedSnapshot[];
    expect(more).toEqual([]);
    await page.goto(product.origin);
    await page.getByText("Protected").first().waitFor();
    await picture("dashboard");
    await page.getByRole("link", { name: "web-eu-3" }).first().click();
    await page.getByRole("heading", { name: "web-eu-3" }).waitFor();
    await picture("host");
    await page
      .getByRole("link", { name: /^Snapshots/ })
      .first()
      .click();
    await page.getByText(snapshot!.id.slice(0, 8)).waitFor();
    await picture("host-snapshots");
  });

  test("a check and a measuring started from the host's page show on its repository tab", async () => {
    await page.getByRole("link", { name: "Overview" }).click();
    await button("Check: Run…");
    await page.getByLabel("How much to read").selectOption("all");
    await page.getByRole("dialog").getByRole("button", { name: "Run check" }).click();
    await page.waitForURL(/\/jobs\//);
    await page.getByText("the repository is sound").waitFor({ timeout: 60_000 });
    await picture("job-check");

    await page.getByRole("link", { name: "web-eu-3" }).first().click();
    await button("Measure: Run");
    await page.waitForURL(/\/jobs\//);
    await page.getByText("Succeeded").first().waitFor({ timeout: 60_000 });
    await page.getByRole("link", { name: "web-eu-3" }).first().click();
    await page.getByRole("link", { name: "Repository", exact: true }).click();
    await page.getByRole("region", { name: "Health" }).getByText("Passed").waitFor();
    await page.getByText("all data read.").waitFor();
    await page
      .getByRole("region", { name: "Storage" })
      .getByText(/^Measured /)
      .waitFor();
    expect(await page.getByRole("region", { name: "Storage" }).getByText("unknown").count()).toBe(0);
    await picture("host-repository");
  });

  test("every other page shows what happened", async () => {
    await page.getByRole("link", { name: "Jobs" }).first().click();
    await page.getByRole("link", { name: "web-eu-3" }).first().waitFor();
    await picture("jobs");
    await page.getByRole("link", { name: "Audit" }).first().click();
    await page
      .getByText(/web-eu-3/)
      .first()
      .waitFor();
    await picture("audit");
    await page.goto(`${product.origin}/no/such/page`);
    await page.getByRole("heading").first().waitFor();
    await picture("not-found");
  });

  test("a host is removed only after its name was typed", async () => {
    await page.goto(product.origin);
    await page.getByRole("link", { name: "web-eu-3" }).first().click();
    await page.getByRole("link", { name: "Settings" }).click();
    await picture("host-settings");
    await button(/^Remove host/);
    const dialog = page.getByRole("dialog");
    const remove = dialog.getByRole("button", { name: "Remove host" });
    expect(await remove.isDisabled()).toBe(true);
    await picture("host-remove");
    await dialog.getByRole("textbox").fill("web-eu-3");
    await remove.click();
    await page
      .getByText(/Add (your |the )?first host|No hosts/i)
      .first()
      .waitFor();
  });

  test("no page broke the content security policy or threw", () => {
    expect(problems).toEqual([]);
  });

  function hostEnv(): Record<string, string> {
    return {
      PATH: `${join(resticBinary("0.18.0"), "..")}:${process.env["PATH"]}`,
      HOME: folder,
      RM_PREFIX: join(folder, "prefix"),
      RM_CONFIG_DIR: join(folder, "config"),
      RM_STATE_DIR: join(folder, "state"),
      RM_NODE: nodeBinary,
    };
  }
});

/** The line as pasted, less `sudo`, so that it installs below the test's own folder. */
function withoutSudo(line: string): string {
  return line.replace(/sudo --preserve-env=\S+ /, "");
}
