import { existsSync, rmSync, writeFileSync } from "node:fs";
import { ConfigError } from "../config/config.ts";
import { isSystemError } from "../disk/atomic-file.ts";
import type { HostService } from "./host-service.ts";
import { needSystemCommand, runSystemCommand } from "./system-command.ts";
import { UNIT_FILE, UNIT_NAME, unitText } from "./systemd-unit.ts";

const ADVICE = "Run this as root; journalctl -u restic-manager-agent tells more.";

export const systemd: HostService = {
  install(plan) {
    // sd_booted(3): how to tell that systemd runs here
    if (!existsSync("/run/systemd/system"))
      throw new ConfigError(
        `systemd does not run here. Have your own init system run, as root: ${[...plan.command, "run"].join(" ")}`,
      );
    onUnitFile(() => writeFileSync(UNIT_FILE, unitText(plan), { mode: 0o644 }));
    systemctl("daemon-reload");
    systemctl("--quiet", "enable", UNIT_NAME);
  },
  async uninstall() {
    if (this.state() !== "not installed") systemctl("--quiet", "disable", "--now", UNIT_NAME);
    onUnitFile(() => rmSync(UNIT_FILE, { force: true }));
    systemctl("daemon-reload");
  },
  async start() {
    systemctl("restart", UNIT_NAME);
  },
  async stop() {
    systemctl("stop", UNIT_NAME);
  },
  state() {
    const { output } = runSystemCommand(["systemctl", "show", "--property=LoadState,ActiveState", UNIT_NAME]);
    return stateOf(output);
  },
};

/** Reads `systemctl show` (org.freedesktop.systemd1(5)). */
export function stateOf(shown: string): ReturnType<HostService["state"]> {
  if (!/^LoadState=(loaded|masked)$/m.test(shown)) return "not installed";
  const active = /^ActiveState=(.*)$/m.exec(shown)?.[1];
  if (active === "active") return "running";
  return active === "inactive" || active === "failed" ? "stopped" : "changing";
}

function systemctl(...words: string[]): void {
  needSystemCommand(["systemctl", ...words], ADVICE);
}

function onUnitFile(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ConfigError(`${UNIT_FILE} cannot be changed: ${error.message}. Run this as root.`);
  }
}
