import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { WebSocket } from "ws";

/** A server under measurement, in a process of its own, and what the kernel says it used. */
export interface Child {
  readonly pid: number;
  /** User and system CPU so far, in ms; `/proc/<pid>/stat` counts in ticks of 10 ms. */
  cpuMs(): number;
  /** Private and shared pages in memory, in KiB (`/proc/<pid>/smaps_rollup`, Rss less file pages). */
  anonymousKib(): number;
  /** Makes V8 give up what nothing refers to, so that memory held is told from garbage not yet collected. */
  collectGarbage(): Promise<void>;
  /** Begins to watch the delay of its event loop; `loopP99Ms` ends it (node:perf_hooks). */
  watchLoop(): Promise<void>;
  loopP99Ms(): Promise<number>;
  log(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts `args` with this Node; settles once `ready` matches what it prints. */
export async function startChild(args: readonly string[], env: Record<string, string>, ready: RegExp): Promise<Child> {
  // The inspector lets the bench ask for a garbage collection; the same for product and ceiling.
  const child: ChildProcess = spawn(process.execPath, ["--inspect=127.0.0.1:0", ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      if (log.length < 100_000) log += chunk.toString();
      if (ready.test(log)) resolve();
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}:\n${log}`)));
  });
  const pid = child.pid!;
  return {
    pid,
    cpuMs: () => cpuMsOf(pid),
    anonymousKib() {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      return Number(/^Anonymous:\s+(\d+) kB$/m.exec(rollup)![1]);
    },
    async collectGarbage() {
      for (let i = 0; i < 2; i++) await inspect(log, "HeapProfiler.collectGarbage", {});
    },
    async watchLoop() {
      await inspect(log, "Runtime.evaluate", {
        expression: `globalThis.loop = process.getBuiltinModule("node:perf_hooks").monitorEventLoopDelay({ resolution: 1 });
          globalThis.loop.enable()`,
      });
    },
    async loopP99Ms() {
      const answer = (await inspect(log, "Runtime.evaluate", {
        expression: "globalThis.loop.disable(); globalThis.loop.percentile(99) / 1e6",
      })) as { result: { value: number } };
      return answer.result.value;
    },
    log: () => log,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.kill(signal);
      await exited;
    },
  };
}

/** One question to the inspector that Node announced in `log` (Chrome DevTools Protocol). */
async function inspect(log: string, method: string, params: object): Promise<unknown> {
  const inspector = new WebSocket(/ws:\/\/127\.0\.0\.1:\S+/.exec(log)![0]);
  await new Promise((resolve, reject) => inspector.once("open", resolve).once("error", reject));
  inspector.send(JSON.stringify({ id: 1, method, params }));
  const answer = await new Promise<string>((resolve) => {
    inspector.once("message", (data: Buffer) => resolve(data.toString()));
  });
  inspector.terminate();
  return (JSON.parse(answer) as { result: unknown }).result;
}

/** User and system CPU of one process, its children not counted, in ms (proc_pid_stat(5), fields 14 and 15). */
export function cpuMsOf(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The same of all its children that have ended and were waited for (fields 16 and 17). */
export function childrenCpuMsOf(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
