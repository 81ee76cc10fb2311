import { existsSync } from "node:fs";
import { ConfigError } from "../config/config.ts";
import { configFile, type Directories } from "../config/directories.ts";
import type { HostService } from "../platform/host-service.ts";
import { ownCommand } from "../platform/own-command.ts";
import { systemd } from "../platform/systemd.ts";
import { unitText } from "../platform/systemd-unit.ts";
import { windowsService } from "../platform/windows-service.ts";
import type { CliOptions } from "./options.ts";

/** Has the operating system run the agent, or ends that; answers what to print. */
export async function serviceCommand({ directories, words, json }: CliOptions, defaults: Directories): Promise<string> {
  const plan = { command: ownCommand(), directories, defaults };
  const verb = words.length === 1 ? words[0] : undefined;
  if (verb === "unit") return unitText(plan).trimEnd();
  const service = serviceOf(process.platform);
  switch (verb) {
    case "install":
      service.install(plan);
      if (!isEnrolled(directories)) return `The service is installed. ${ENROL_FIRST}`;
      await service.start();
      return "The agent runs as a service, now and after every boot.";
    case "uninstall":
      await service.uninstall();
      return `The service is gone. ${directories.config} and ${directories.state} stay; remove them yourself if this host is done.`;
    case "start":
      if (!isEnrolled(directories)) throw new ConfigError(`The agent was not started. ${ENROL_FIRST}`);
      needInstalled(service);
      await service.start();
      return "The agent runs.";
    case "stop":
      needInstalled(service);
      await service.stop();
      return "The agent is stopped, until the next boot or service start.";
    case "status":
      return json ? JSON.stringify({ service: service.state() }) : `service: ${service.state()}`;
    default:
      throw new ConfigError("Say what to do with the service: install, uninstall, start, stop, status or unit.");
  }
}

const ENROL_FIRST = "This host is not enrolled: run restic-manager-agent enroll, then service start.";

function isEnrolled(directories: Directories): boolean {
  return existsSync(configFile(directories));
}

function needInstalled(service: HostService): void {
  if (service.state() === "not installed")
    throw new ConfigError("The service is not installed. Run: restic-manager-agent service install");
}

function serviceOf(os: string): HostService {
  if (os === "linux") return systemd;
  if (os === "win32") return windowsService;
  throw new ConfigError(`There is no service for ${os} yet.`);
}
