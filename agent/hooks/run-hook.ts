import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fail, type Failure } from "../../protocol/failure.ts";
import type { Hook } from "../../protocol/schedule.ts";
import { isSystemError, makePrivateDirectory, writeFileAtomically } from "../disk/atomic-file.ts";
import { killOrphans } from "../jobs/orphans.ts";
import { OWN_GROUP } from "../platform/own-group.ts";
import type { Platform, ProcessMark } from "../platform/platform.ts";
import { cleanLine } from "../restic/clean-text.ts";
import { LineSplitter } from "../restic/line-splitter.ts";
import { findHook } from "./hook-folder.ts";
import { OutputCap } from "./output-cap.ts";

/** From SIGINT to SIGKILL (PROTOCOL section 6). */
const KILL_AFTER_MS = 10_000;
/** How long what a hook left running may keep its output open before it is let go. */
const OUTPUT_MS = 2_000;
const OUTPUT_OF_ENDED_MS = 200;
const MAX_OUTPUT_LINE_BYTES = 16 * 1024;
/** What a hook takes over from the agent's own environment. Nothing of a repository is among it. */
const INHERITED = ["PATH", "HOME", "LANG", "TMPDIR"] as const;

export interface HookPlan {
  hook: Hook;
  moment: "pre" | "post";
  /** Absolute path of the interpreter of text from the console. */
  shell: string;
  timeoutMinutes: number;
  jobId: string;
  scheduleId: string;
  /** What the post hook is told of the job. */
  jobStatus?: "succeeded" | "failed" | "cancelled";
}

export interface HookHost {
  platform: Platform;
  ownEnv: NodeJS.ProcessEnv;
  hooksFolder: string;
  /** For the text of a hook while it runs. */
  runDirectory: string;
}

export interface HookListener {
  onSpawned(mark: ProcessMark | null): void;
  onLine(text: string, level?: "warning"): void;
}

export type HookEnd = { is: "done" } | { is: "stopped" } | { is: "failed"; failure: Failure };

/**
 * Runs one hook to its end, in a process group of its own and with RM_JOB_ID in its environment. `stop` ends it: SIGINT
 * to the group, SIGKILL ten seconds later; the timeout ends it at once. After either, whatever it left running is found
 * and ended too; after its own end, what it started in the background lives on.
 */
export async function runHook(
  plan: HookPlan,
  host: HookHost,
  listener: HookListener,
  stop: AbortSignal,
): Promise<HookEnd> {
  const command = commandOf(plan, host);
  if (!command.ok) return { is: "failed", failure: command.failure };
  try {
    return await runCommand(command, plan, host, listener, stop);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return failed("hook.failed", `The ${plan.moment} hook could not be started: ${error.message}.`);
  } finally {
    if (command.textFile !== null) rmSync(command.textFile, { force: true });
  }
}

type Command = { ok: true; file: string; argv: string[]; textFile: string | null } | { ok: false; failure: Failure };

function commandOf({ hook, shell, jobId, moment }: HookPlan, host: HookHost): Command {
  if (hook.kind === "named") {
    const found = findHook(host.hooksFolder, hook.name);
    return found.ok ? { ok: true, file: found.value, argv: [], textFile: null } : found;
  }
  // The text is in no argument, which every user of the machine can read.
  const textFile = join(host.runDirectory, `${jobId}.${moment}-hook`);
  try {
    makePrivateDirectory(host.runDirectory);
    writeFileAtomically(textFile, hook.text);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const why = `The ${moment} hook could not be written to the state folder: ${error.message}.`;
    return fail("hook.failed", why, { retry: true });
  }
  return { ok: true, file: shell, argv: [textFile], textFile };
}

async function runCommand(
  command: Extract<Command, { ok: true }>,
  plan: HookPlan,
  { platform, ownEnv }: HookHost,
  listener: HookListener,
  stop: AbortSignal,
): Promise<HookEnd> {
  const child = spawn(command.file, command.argv, {
    cwd: "/",
    env: environment(plan, ownEnv),
    stdio: ["ignore", "pipe", "pipe"],
    ...OWN_GROUP,
  });
  const cap = new OutputCap((line) => listener.onLine(cleanLine(line.toString("utf8"))));
  const splitters = [child.stdout, child.stderr].map((stream) => {
    const splitter = new LineSplitter(MAX_OUTPUT_LINE_BYTES, (line) => cap.take(line));
    stream.on("data", (chunk: Buffer) => splitter.push(chunk));
    return splitter;
  });

  const { pid } = child;
  const mark = pid === undefined ? null : platform.markProcess(pid);
  listener.onSpawned(mark);
  let ending: "stopped" | "timeout" | null = null;
  const timers: NodeJS.Timeout[] = [];
  const signal = (name: "SIGINT" | "SIGKILL") => pid !== undefined && platform.signalGroup(pid, name);
  const onStop = () => {
    ending ??= "stopped";
    signal("SIGINT");
    timers.push(setTimeout(() => signal("SIGKILL"), KILL_AFTER_MS));
  };
  if (stop.aborted) onStop();
  else stop.addEventListener("abort", onStop, { once: true });
  timers.push(
    setTimeout(() => {
      ending ??= "timeout";
      signal("SIGKILL");
    }, plan.timeoutMinutes * 60_000),
  );
  child.once("exit", () => {
    const letGo = () => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    timers.push(setTimeout(letGo, ending === null ? OUTPUT_MS : OUTPUT_OF_ENDED_MS));
  });

  let exit: { code: number | null; name: NodeJS.Signals | null };
  try {
    exit = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, name) => resolve({ code, name }));
    });
  } finally {
    stop.removeEventListener("abort", onStop);
    for (const timer of timers) clearTimeout(timer);
  }
  for (const splitter of splitters) splitter.end();
  if (cap.dropped > 0) listener.onLine(`${cap.dropped} more lines of this hook are not kept`, "warning");
  if (ending !== null) await killOrphans(plan.jobId, mark, platform);
  if (ending === "stopped") return { is: "stopped" };
  const { moment, timeoutMinutes } = plan;
  if (ending === "timeout")
    return failed(
      "hook.timeout",
      `The ${moment} hook ran longer than ${timeoutMinutes} min and was ended. Mend it, or give it more time.`,
    );
  if (exit.code === 0) return { is: "done" };
  const how = exit.code === null ? `was ended by ${exit.name ?? "a signal"}` : `ended with exit code ${exit.code}`;
  return failed("hook.failed", `The ${moment} hook ${how}. Its lines in the log say why.`);
}

function failed(code: "hook.failed" | "hook.timeout", message: string): HookEnd {
  return { is: "failed", failure: fail(code, message, { retry: true }).failure };
}

function environment(plan: HookPlan, own: NodeJS.ProcessEnv): Record<string, string> {
  const env: Record<string, string> = {
    RM_JOB_ID: plan.jobId,
    RM_SCHEDULE: plan.scheduleId,
    RM_HOOK: plan.moment,
    ...(plan.jobStatus === undefined ? {} : { RM_JOB_STATUS: plan.jobStatus }),
  };
  for (const key of INHERITED) if (own[key] !== undefined) env[key] = own[key];
  return env;
}
