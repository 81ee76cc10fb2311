import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Tools that would phone home or ask questions do neither. */
const quiet = {
  CI: "1",
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
};

export interface Step {
  name: string;
  command: string;
  args: string[];
}

export interface StepResult {
  ok: boolean;
  /** What it printed; empty when it was passed through. */
  output: string;
  seconds: number;
}

const running = new Set<ChildProcess>();
function stopAll(): void {
  for (const child of running) child.kill("SIGTERM");
  process.exit(143);
}

/** Runs one program from the project's root; `stream` passes its output through instead of keeping it. */
export async function runStep(step: Step, { stream }: { stream: boolean }): Promise<StepResult> {
  const startedMs = performance.now();
  const child = spawn(step.command, step.args, {
    cwd: root,
    env: { ...process.env, ...quiet, ...(stream ? {} : { NO_COLOR: "1" }) },
    stdio: ["ignore", stream ? "inherit" : "pipe", stream ? "inherit" : "pipe"],
  });
  if (running.size === 0) process.once("SIGTERM", stopAll);
  running.add(child);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      output += error.message;
      resolve(1);
    });
    child.once("close", resolve);
  });
  running.delete(child);
  if (running.size === 0) process.off("SIGTERM", stopAll);
  return { ok: code === 0, output, seconds: (performance.now() - startedMs) / 1000 };
}

/** Runs steps, at most `width` at a time, and prints each as it ends; true when all are fine. */
export async function runSteps(steps: readonly Step[], width: number): Promise<boolean> {
  const waiting = [...steps];
  let ok = true;
  const worker = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const result = await runStep(step, { stream: false });
      console.log(`${result.ok ? "ok    " : "FAILED"} ${step.name} (${result.seconds.toFixed(1)} s)`);
      if (!result.ok) {
        ok = false;
        console.log(result.output);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return ok;
}
