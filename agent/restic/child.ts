import { spawn } from "node:child_process";
import type { Platform } from "../platform/platform.ts";
import { OWN_GROUP } from "../platform/own-group.ts";
import { LineSplitter } from "./line-splitter.ts";

/** From SIGINT to SIGKILL (PROTOCOL section 6). */
const KILL_AFTER_MS = 10_000;
/** How long grandchildren may hold restic's pipes open after restic itself has ended. */
const PIPES_MS = 5_000;
const MAX_OUTPUT_LINE_BYTES = 1024 * 1024;
const MAX_DOCUMENT_BYTES = 512 * 1024 * 1024;

export interface ResticCommand {
  /** Absolute path of the binary. */
  file: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface ResticExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Whether it was told to stop. */
  stopped: boolean;
  /** stdout whole, where `document` was asked for. */
  document: string;
}

export interface ResticListener {
  /** Called once, with the leader of the new process group. */
  onSpawned?(pid: number): void;
  onStdout?(line: Buffer): void;
  onStderr?(line: string): void;
  /** Keep stdout as one text instead of giving lines. */
  document?: boolean;
}

/**
 * Runs restic without a shell: stdin is /dev/null, the process leads a group of its own. `stop` ends it: SIGINT to the
 * group, on which restic removes its lock, and SIGKILL ten seconds later. Settles when it has ended and its output is
 * read whole; rejects with the system's error when it cannot be started.
 */
export async function runRestic(
  command: ResticCommand,
  listener: ResticListener,
  platform: Platform,
  stop: AbortSignal,
): Promise<ResticExit> {
  const child = spawn(command.file, command.argv, {
    cwd: "/",
    env: { ...command.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...OWN_GROUP,
  });
  const pieces: Buffer[] = [];
  let documentBytes = 0;
  const stdout = new LineSplitter(MAX_OUTPUT_LINE_BYTES, (line) => listener.onStdout?.(line));
  const stderr = new LineSplitter(MAX_OUTPUT_LINE_BYTES, (line) => listener.onStderr?.(line.toString("utf8")));
  child.stdout.on("data", (chunk: Buffer) => {
    if (!listener.document) stdout.push(chunk);
    else if ((documentBytes += chunk.length) <= MAX_DOCUMENT_BYTES) pieces.push(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));

  const { pid } = child;
  if (pid !== undefined) listener.onSpawned?.(pid);
  let stopped = false;
  const timers: NodeJS.Timeout[] = [];
  const signal = (name: "SIGINT" | "SIGKILL") => pid !== undefined && platform.signalGroup(pid, name);
  const onStop = () => {
    stopped = true;
    signal("SIGINT");
    timers.push(setTimeout(() => signal("SIGKILL"), KILL_AFTER_MS));
  };
  if (stop.aborted) onStop();
  else stop.addEventListener("abort", onStop, { once: true });
  child.once("exit", () => {
    timers.push(
      setTimeout(() => {
        signal("SIGKILL");
        child.stdout.destroy();
        child.stderr.destroy();
      }, PIPES_MS),
    );
  });
  try {
    const exit = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, name) => resolve({ code, signal: name }));
    });
    stdout.end();
    stderr.end();
    return { ...exit, stopped, document: Buffer.concat(pieces).toString("utf8") };
  } finally {
    stop.removeEventListener("abort", onStop);
    for (const timer of timers) clearTimeout(timer);
  }
}
