import { expect, test } from "vitest";
import { defaultDirectories } from "../config/directories.ts";
import { serviceCommandLine } from "./windows-service.ts";
import { resticFolders } from "./windows.ts";

const defaults = defaultDirectories("win32", { ProgramData: String.raw`C:\ProgramData` });
const folder = String.raw`C:\Program Files\restic-manager`;

test("the service's command line names its log and the agent, and quotes what has spaces", () => {
  const plan = { command: [String.raw`${folder}\restic-manager-agent.exe`], directories: defaults, defaults };
  expect(serviceCommandLine(String.raw`${folder}\restic-manager-service.exe`, plan)).toBe(
    String.raw`"C:\Program Files\restic-manager\restic-manager-service.exe" run C:\ProgramData\restic-manager\state\agent.log ` +
      String.raw`"C:\Program Files\restic-manager\restic-manager-agent.exe" run --stop-with-stdin`,
  );
});

test("folders that the agent would not find by itself are part of it; a last backslash does not eat the quote", () => {
  const directories = { config: String.raw`D:\my agent` + "\\", state: String.raw`D:\state` };
  const line = serviceCommandLine("service.exe", { command: ["agent.exe"], directories, defaults });
  expect(line).toBe(
    String.raw`service.exe run D:\state\agent.log agent.exe run --stop-with-stdin --config-dir "D:\my agent\\" --state-dir D:\state`,
  );
});

test("restic is looked for where installers put it, since a service keeps the PATH of the system's start", () => {
  expect(resticFolders({})).toContain(String.raw`C:\ProgramData\chocolatey\bin`);
});
