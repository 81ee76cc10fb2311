import { spawnSync } from "node:child_process";

export interface ToolOptions {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
}

/** Runs one program to its end and answers its stdout; throws with what it printed when it fails or is missing. */
export function runTool(command: string, args: readonly string[], { cwd, env, stdin }: ToolOptions = {}): string {
  const done = spawnSync(command, args, {
    cwd,
    env: { ...process.env, LC_ALL: "C", TZ: "UTC", ...env },
    input: stdin ?? "",
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if ((done.error as NodeJS.ErrnoException | undefined)?.code === "ENOENT")
    throw new Error(`${command} is missing. Run scripts/setup-packaging.sh as root first.`);
  if (done.error) throw done.error;
  if (done.status !== 0) throw new Error(`${command} failed (${done.status ?? done.signal}):\n${done.stderr}`);
  return done.stdout;
}
