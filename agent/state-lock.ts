import { readFileSync, rmSync } from "node:fs";
import * as v from "valibot";
import { ConfigError } from "./config/config.ts";
import { makePrivateDirectory, writeFileAtomically } from "./disk/atomic-file.ts";
import { statePath, type Directories } from "./config/directories.ts";
import type { Platform, ProcessMark } from "./platform/platform.ts";

const markSchema = v.object({ pid: v.number(), startTicks: v.string(), bootId: v.string() });

function lockFile(directories: Directories): string {
  return statePath(directories, "agent.lock");
}

/** The agent that runs on this state folder now; null when none does. */
export function runningAgent(directories: Directories, platform: Platform): ProcessMark | null {
  let text: string;
  try {
    text = readFileSync(lockFile(directories), "utf8");
  } catch {
    return null;
  }
  try {
    const parsed = v.safeParse(markSchema, JSON.parse(text));
    return parsed.success && platform.isAlive(parsed.output) ? parsed.output : null;
  } catch {
    return null;
  }
}

/** Takes the state folder for this process: two agents in one would number records twice. Answers how to give it back. */
export function lockState(directories: Directories, platform: Platform): () => void {
  makePrivateDirectory(directories.state);
  const other = runningAgent(directories, platform);
  if (other && other.pid !== process.pid)
    throw new ConfigError(
      `An agent runs on ${directories.state} already (process ${other.pid}). Stop it, or name another folder with --state-dir.`,
    );
  writeFileAtomically(lockFile(directories), JSON.stringify(platform.markProcess(process.pid)));
  return () => rmSync(lockFile(directories), { force: true });
}
