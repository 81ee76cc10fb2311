import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { pidsWithEnvironment, waitFor } from "../../tests/support/process.ts";
import { linux } from "../platform/linux.ts";
import { usableHooks } from "./hook-folder.ts";
import { runHook, type HookEnd, type HookPlan } from "./run-hook.ts";

let folder: string;
let hooks: string;
let jobs = 0;
beforeEach(() => {
  folder = temporaryFolder("hooks");
  hooks = join(folder, "hooks.d");
  mkdirSync(hooks, { mode: 0o755 });
});
afterEach(() => removeFolder(folder));

function script(name: string, text: string, mode = 0o755): string {
  const path = join(hooks, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

interface Outcome {
  end: HookEnd;
  lines: string[];
}

async function run(more: Partial<HookPlan>, stop = new AbortController().signal): Promise<Outcome> {
  const plan: HookPlan = {
    hook: { kind: "named", name: "script" },
    moment: "pre",
    shell: "/bin/sh",
    timeoutMinutes: 1,
    jobId: `hook-test-${process.pid}-${++jobs}`,
    scheduleId: "schedule-1",
    ...more,
  };
  const lines: string[] = [];
  const end = await runHook(
    plan,
    {
      platform: linux,
      ownEnv: { PATH: process.env["PATH"], HOME: folder, RESTIC_PASSWORD: "canary", AWS_SECRET_ACCESS_KEY: "canary" },
      hooksFolder: hooks,
      runDirectory: join(folder, "run"),
    },
    { onSpawned: () => {}, onLine: (text) => lines.push(text) },
    stop,
  );
  return { end, lines };
}
const remote = (text: string) => ({ kind: "remote", text }) as const;

test("a named script runs with the job's name in its environment, and nothing of a repository", async () => {
  script("script", "#!/bin/sh\nenv | sort\necho done >&2\n");
  const { end, lines } = await run({ jobId: "job-7", moment: "post", jobStatus: "failed" });
  expect(end).toEqual({ is: "done" });
  const names = lines.filter((line) => line.includes("=") && !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
  expect(names).toEqual([
    `HOME=${folder}`,
    `PATH=${process.env["PATH"]}`,
    "RM_HOOK=post",
    "RM_JOB_ID=job-7",
    "RM_JOB_STATUS=failed",
    "RM_SCHEDULE=schedule-1",
  ]);
  expect(lines).toContain("done");
});

test("a text from the console is a file that only the agent can read, in no argument, and gone afterwards", async () => {
  const { end, lines } = await run({ hook: remote('stat -c %a "$0"; tr "\\0" " " < /proc/$$/cmdline; echo\n') });
  expect(end).toEqual({ is: "done" });
  expect(lines[0]).toBe("600");
  expect(lines[1]).toMatch(/^\/bin\/sh \S+\.pre-hook $|^\/bin\/sh \S+\.pre-hook$/);
  expect(readdirSync(join(folder, "run"))).toEqual([]);
});

test("a hook that fails says how", async () => {
  expect((await run({ hook: remote("echo why; exit 3") })).end).toMatchObject({
    is: "failed",
    failure: { code: "hook.failed", message: "The pre hook ended with exit code 3. Its lines in the log say why." },
  });
  script("script", "no program at all");
  expect((await run({})).end).toMatchObject({ is: "failed", failure: { code: "hook.failed" } });
  expect((await run({ hook: remote("true"), shell: "/no/such/shell" })).end).toMatchObject({
    failure: { message: expect.stringContaining("could not be started") as string },
  });
});

test("what a hook prints beyond 2,000 lines is counted", async () => {
  const { lines } = await run({ hook: remote("seq 1 2500") });
  expect(lines).toHaveLength(2001);
  expect(lines.at(-1)).toBe("500 more lines of this hook are not kept");
});

describe("a script that others could have written is not run, and the command that mends it is said", () => {
  const message = async (name = "script") => {
    const { end } = await run({ hook: { kind: "named", name } });
    return end.is === "failed" && end.failure.code === "hook.unsafe" ? end.failure.message : "it ran";
  };

  test("because of its mode, its folder's, or what it is", async () => {
    const path = script("script", "#!/bin/sh\n");
    expect(usableHooks(hooks)).toEqual(["script"]);
    chmodSync(path, 0o775);
    expect(await message()).toContain(`Run: sudo chmod go-w ${path}`);
    expect(usableHooks(hooks)).toEqual([]);
    chmodSync(path, 0o644);
    expect(await message()).toContain(`Run: sudo chmod +x ${path}`);
    chmodSync(path, 0o755);
    chmodSync(hooks, 0o777);
    expect(await message()).toContain(`Run: sudo chmod go-w ${hooks}`);
    chmodSync(hooks, 0o755);
    symlinkSync(path, join(hooks, "link"));
    expect(await message("link")).toContain("is a symbolic link");
    expect(await message("missing")).toContain("There is no");
    mkdirSync(join(hooks, "folder"));
    expect(await message("folder")).toContain("is not a file");
  });

  test.runIf(process.getuid?.() === 0)("because it belongs to somebody else", async () => {
    const path = script("script", "#!/bin/sh\n");
    const { chownSync } = await import("node:fs");
    chownSync(path, 65534, 65534);
    expect(await message()).toContain(`Run: sudo chown root ${path}`);
  });
});

/** Ignores SIGINT, and leaves a child that has a session of its own. */
const stubborn = (ready: string) =>
  `trap "" INT; setsid sh -c 'sleep 1000' & sh -c 'trap "" INT; sleep 1000' & touch ${ready}; wait; sleep 1000`;

test("a stopped hook ends, within ten seconds, with all it started", async () => {
  const ready = join(folder, "ready");
  const stop = new AbortController();
  const jobId = `hook-test-${process.pid}-stopped`;
  const running = run({ hook: remote(stubborn(ready)), jobId }, stop.signal);
  await waitFor("the hook", () => existsSync(ready));
  expect(pidsWithEnvironment("RM_JOB_ID", jobId).length).toBeGreaterThan(2);
  stop.abort();
  expect((await running).end).toEqual({ is: "stopped" });
  expect(pidsWithEnvironment("RM_JOB_ID", jobId)).toEqual([]);
});

test("a hook past its time is ended with all it started", async () => {
  const jobId = `hook-test-${process.pid}-late`;
  const { end } = await run({ hook: remote(stubborn(join(folder, "ready"))), jobId, timeoutMinutes: 1 / 60 });
  expect(end).toMatchObject({ is: "failed", failure: { code: "hook.timeout" } });
  expect(pidsWithEnvironment("RM_JOB_ID", jobId)).toEqual([]);
});

test("what a hook that ended well left in the background lives on", async () => {
  const jobId = `hook-test-${process.pid}-daemon`;
  const pidFile = join(folder, "pid");
  const { end } = await run({ hook: remote(`setsid sleep 1000 & echo $! > ${pidFile}`), jobId });
  expect(end).toEqual({ is: "done" });
  expect(pidsWithEnvironment("RM_JOB_ID", jobId)).toHaveLength(1);
  process.kill(Number(readFileSync(pidFile, "utf8")), "SIGKILL");
});
