import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { saveConfig } from "../../agent/config/config.ts";
import { runTool } from "../../packaging/run-tool.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { Wine } from "../support/wine.ts";

/** The Windows agent and its service under wine, which is not Windows: docs/windows.md says what that does not show. */
const file = fileURLToPath(new URL("../../dist/agent/restic-manager-agent-windows-amd64.exe", import.meta.url));
const folder = temporaryFolder("wine");
const kept = join(folder, "prefix/drive_c/ProgramData/restic-manager");
let wine: Wine;
const agent = (...words: string[]) => wine.run("restic-manager-agent.exe", ...words);

beforeAll(async () => {
  if (!existsSync(file)) throw new Error("There is no agent file. Run npm run build:agent first.");
  const targets = runTool("apt-get", ["indextargets", "--format", "$(REPO_URI) $(COMPONENT)"]).split("\n");
  const mirror = targets.find((line) => line.endsWith(" main") && !line.includes("security"))!.split(" ")[0]!;
  copyFileSync(file, join(folder, "restic-manager-agent.exe"));
  wine = await Wine.start(folder, mirror);
});
afterAll(() => {
  wine?.stop();
  removeFolder(folder);
});

test("tells its version and platform", () => {
  const { code, output } = agent("version", "--json");
  expect(code, output).toBe(0);
  expect(JSON.parse(output)).toMatchObject({ platform: "windows-amd64", restic: null });
});

test("service install writes the supervisor beside the agent, and starts nothing on a host that has not joined", () => {
  expect(agent("service", "install").output).toContain("This host is not enrolled");
  expect(existsSync(join(folder, "restic-manager-service.exe"))).toBe(true);
  expect(agent("service", "status").output).toBe("service: stopped");
});

test("the service runs, and a stop ends the agent by its own hand before it is reported as stopped", () => {
  const key = "A".repeat(43);
  mkdirSync(join(kept, "state"), { recursive: true });
  saveConfig(
    { config: kept, state: join(kept, "state") },
    {
      server: "http://127.0.0.1:9",
      hostId: "00000000-0000-4000-8000-000000000001",
      hostname: "wine",
      bearer: key,
      signKey: key,
      sealKey: key,
      vaultKey: key,
      restic: null,
      certSha256: null,
      allowPlainWs: false,
    },
  );
  expect(agent("service", "start").output).toBe("The agent runs.");
  expect(wine.run("sc", "query", "restic-manager-agent").output).toContain("RUNNING");
  expect(agent("service", "stop").code).toBe(0);
  expect(wine.run("sc", "query", "restic-manager-agent").output).toContain("STOPPED");
  expect(readFileSync(join(kept, "state/agent.log"), "utf8")).toMatch(/info stopping\n.*info stopped\n$/s);
});

test("an agent that is killed takes its service down with it", () => {
  expect(agent("service", "start").code).toBe(0);
  wine.run("taskkill", "/f", "/im", "restic-manager-agent.exe");
  expect(agent("service", "status").output).toBe("service: stopped");
});
