import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { expect, test, vi } from "vitest";
import { killOrphans } from "../jobs/orphans.ts";
import { waitFor } from "../../tests/support/process.ts";
import { linux } from "./linux.ts";

/** A shell that leads its group and has a child of its own. */
async function startGroup(env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn("sh", ["-c", "sleep 1000 & echo up; wait"], {
    detached: true,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout!, "data");
  return child;
}

test("what is left of a job is found by its id, though nobody kept its pid", async () => {
  const child = await startGroup({ RM_JOB_ID: "job-1" });
  const other = await startGroup({ RM_JOB_ID: "job-10" });
  expect(linux.findOrphans("job-1", null)).toHaveLength(2);
  expect(await killOrphans("job-1", null, linux)).toBe(true);
  expect(linux.findOrphans("job-1", null)).toEqual([]);
  expect(linux.findOrphans("job-10", null)).toHaveLength(2);
  expect(linux.signalGroup(other.pid!, "SIGKILL")).toBe(true);
  await once(other, "close");
  expect(child.killed).toBe(false);
});

test("it is found by its group too, and a pid that is somebody else's by now is let alone", async () => {
  const child = await startGroup({});
  const mark = linux.markProcess(child.pid!)!;
  expect(linux.findOrphans("unknown", mark)).toHaveLength(2);
  expect(linux.findOrphans("unknown", { ...mark, startTicks: "1" })).toEqual([]);
  expect(linux.findOrphans("unknown", { ...mark, bootId: "another boot" })).toEqual([]);
  expect(linux.isAlive(mark)).toBe(true);
  process.kill(child.pid!, "SIGKILL");
  await once(child, "exit");
  // The leader is gone, its group is not.
  await waitFor("the rest of the group", () => linux.findOrphans("unknown", mark).length === 1);
  expect(await killOrphans("unknown", mark, linux)).toBe(true);
  expect(linux.isAlive(mark)).toBe(false);
});

test("a process of another user is no fault of the agent: it is let be until it ends", async () => {
  const child = await startGroup({ RM_JOB_ID: "job-2" });
  const real = process.kill.bind(process);
  let refused = 0;
  const kill = vi.spyOn(process, "kill").mockImplementation((pid, signal) => {
    if (refused++ >= 3) return real(pid, signal);
    throw Object.assign(new Error("kill EPERM"), { code: "EPERM", syscall: "kill" });
  });
  try {
    expect(linux.signalGroup(child.pid!, "SIGINT")).toBe(false);
    expect(await killOrphans("job-2", null, linux)).toBe(true);
  } finally {
    kill.mockRestore();
  }
});
