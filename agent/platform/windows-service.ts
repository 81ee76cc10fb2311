import { win32 } from "node:path";
import type { HostService, ServicePlan, ServiceState } from "./host-service.ts";
import { needServiceProgram, placeServiceProgram, serviceProgramFile } from "./windows-program.ts";
import { secureFolder } from "./windows.ts";

const STATES: readonly ServiceState[] = ["running", "stopped", "changing", "not installed"];

/** The service of the Service Control Manager, through restic-manager-service.exe. */
export const windowsService: HostService = {
  install(plan) {
    // A running supervisor could not be replaced by the one that this agent carries.
    needServiceProgram("stop-if-there");
    placeServiceProgram();
    secureFolder(plan.directories.config);
    secureFolder(plan.directories.state);
    needServiceProgram("install", serviceCommandLine(serviceProgramFile(), plan));
  },
  async uninstall() {
    needServiceProgram("uninstall");
  },
  async start() {
    needServiceProgram("start");
  },
  async stop() {
    needServiceProgram("stop");
  },
  state() {
    const told = needServiceProgram("state");
    return STATES.find((state) => state === told) ?? "changing";
  },
};

/** The whole command line of the service: its supervisor, where the agent's log goes, and how the agent is started. */
export function serviceCommandLine(program: string, { command, directories, defaults }: ServicePlan): string {
  return [
    program,
    "run",
    win32.join(directories.state, "agent.log"),
    ...command,
    "run",
    "--stop-with-stdin",
    ...(directories.config === defaults.config ? [] : ["--config-dir", directories.config]),
    ...(directories.state === defaults.state ? [] : ["--state-dir", directories.state]),
  ]
    .map(windowsWord)
    .join(" ");
}

/** One word as CommandLineToArgvW reads it back. No path holds a quote; a backslash before the closing one is doubled. */
function windowsWord(word: string): string {
  return /^[\w.:\\/-]+$/.test(word) ? word : `"${word.replace(/\\$/, String.raw`\\`)}"`;
}
