import { spawnSync } from "node:child_process";
import { ConfigError } from "../config/config.ts";

export interface CommandEnd {
  code: number;
  /** Both streams. */
  output: string;
}

/** Runs one of the system's own programs to its end; a ConfigError when it is not there. */
export function runSystemCommand(argv: readonly string[]): CommandEnd {
  const [file = "", ...args] = argv;
  const done = spawnSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], windowsHide: true });
  if (done.error) throw new ConfigError(`${file} does not run: ${done.error.message}.`);
  return { code: done.status ?? 1, output: `${done.stdout}${done.stderr}`.trim() };
}

/** The same for one that must succeed; what it said is part of the error. */
export function needSystemCommand(argv: readonly string[], advice: string): string {
  const { code, output } = runSystemCommand(argv);
  if (code === 0) return output;
  throw new ConfigError(`${argv.join(" ")} ended with exit code ${code}: ${output}\n${advice}`);
}
