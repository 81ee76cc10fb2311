import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { atExit } from "./at-exit.ts";

/** The Node that runs this process, for starting our own entry points. */
export const nodeBinary = process.execPath;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A program a test started, with all it printed so far. */
export interface Running {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Settles when the program has ended and its output is read whole. */
  readonly exited: Promise<Exit>;
  /** The first match in stdout or stderr; throws with the output when the program ends or the time is over. */
  waitForOutput(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** SIGTERM, SIGKILL to its whole process group `graceMs` later; settles when it has ended. */
  stop(graceMs?: number): Promise<Exit>;
  /** SIGKILL to this one process, as a power cut would; its children live on. */
  kill(): Promise<Exit>;
}

export interface StartOptions {
  cwd?: string;
  /** The whole environment beside PATH, HOME and TZ=UTC: nothing else of the caller's leaks in. */
  env?: Record<string, string>;
  stdin?: string;
}

const groups = new Set<number>();
atExit(() => {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
});

/**
 * Starts a program in a process group of its own. The group ends with this process; where this process is killed, as
 * vitest does with workers whose parent died, the kernel ends at least the program itself (PR_SET_PDEATHSIG).
 */
export function startProcess(command: string, args: readonly string[], options: StartOptions = {}): Running {
  const child = spawn("setpriv", ["--pdeathsig", "SIGKILL", "--", command, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TZ: "UTC", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    changed();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    changed();
  });
  child.stdin.on("error", () => {}); // a program may end without reading it
  child.stdin.end(options.stdin ?? "");

  let ended = false;
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      ended = true;
      groups.delete(child.pid ?? 0);
      changed();
      resolve({ code, signal });
    });
  });
  exited.catch(() => {});
  const pid = child.pid ?? -1;
  if (pid > 0) groups.add(pid);

  return {
    pid,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    async waitForOutput(pattern, timeoutMs = 30_000) {
      const search = () => pattern.exec(stdout) ?? pattern.exec(stderr);
      const tell = (why: string) => new Error(`${command}: ${why} before ${pattern}\n${stdout}\n${stderr}`);
      return new Promise((resolve, reject) => {
        const check = () => {
          const match = search();
          if (match) finish(() => resolve(match));
          else if (ended) finish(() => reject(tell("ended")));
        };
        const timer = setTimeout(() => finish(() => reject(tell(`${timeoutMs} ms passed`))), timeoutMs);
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          listeners.delete(check);
          settle();
        };
        exited.catch((error: unknown) => finish(() => reject(error)));
        listeners.add(check);
        check();
      });
    },
    async stop(graceMs = 5_000) {
      if (!ended) {
        child.kill("SIGTERM");
        const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
        await exited.finally(() => clearTimeout(timer));
      }
      signalGroup(pid, "SIGKILL");
      return exited;
    },
    async kill() {
      child.kill("SIGKILL");
      return exited;
    },
  };
}

export interface Finished extends Exit {
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; a failure is a code, not an exception. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<Finished> {
  const running = startProcess(command, args, options);
  const exit = await running.exited;
  return { ...exit, stdout: running.stdout(), stderr: running.stderr() };
}

/** Asks until the answer is neither null, undefined nor false; throws with `what` when the time is over. */
export async function waitFor<T>(
  what: string,
  ask: () => T | Promise<T>,
  { timeoutMs = 30_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Exclude<Awaited<T>, null | undefined | false>> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) {
      return answer as Exclude<Awaited<T>, null | undefined | false>;
    }
    if (Date.now() > until) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Ids of the live processes whose environment holds `NAME=value`; tells an orphan restic by its RM_JOB_ID. */
export function pidsWithEnvironment(name: string, value: string): number[] {
  const wanted = `${name}=${value}`;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => environmentOf(pid).includes(wanted));
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  } catch {
    return []; // ended meanwhile, or another user's
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  if (pid <= 0) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // the group is gone
  }
}
