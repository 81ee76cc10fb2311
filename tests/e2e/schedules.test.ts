import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostDetail, JobResource, Page, ScheduleResource } from "../../protocol/api.ts";
import type { KeepPolicy, RetentionPlan } from "../../protocol/schedule.ts";
import { ApiError, type ConsoleApi } from "../../scripts/console-api.ts";
import { waitFor } from "../support/process.ts";
import { askJob, hostOnline, jobEnd, runtimes, type Product, type TestAgent } from "../support/product.ts";
import { listSnapshots, resticBinary, runRestic } from "../support/restic.ts";
import { password, schedulesApplied, startScheduleScene, type ScheduleScene } from "../support/schedule-scene.ts";

/** Schedules and retention in the whole product: console's API, server, agent and a real restic. */

const restic = resticBinary("0.18.0");
const dayMs = 24 * 3600_000;

describe.each(runtimes)("schedules on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let scene: ScheduleScene;
  let agent: TestAgent;
  let host: HostDetail;
  let address: string;

  beforeAll(async () => {
    scene = await startScheduleScene(runtime, "schedules");
    ({ product, api, agent, address } = scene);
    host = await api.get<HostDetail>(`/api/hosts/${agent.hostId}`);
  });
  afterAll(() => scene?.stop());

  const detail = () => api.get<HostDetail>(`/api/hosts/${host.id}`);
  const schedule = async (id: string) => (await detail()).schedules.find((one) => one.id === id)!;
  /** The body that leaves the schedule as it is. */
  function edit(one: ScheduleResource, change: object) {
    const { id: _, createdAtMs, updatedAtMs, nextRunAtMs, late, lastRun, hasHooks, heldJobId, refused, ...body } = one;
    void [createdAtMs, updatedAtMs, nextRunAtMs, late, lastRun, hasHooks, heldJobId, refused];
    return { ...body, ...change };
  }
  const put = async (one: ScheduleResource, change: object) =>
    api.send<ScheduleResource>("PUT", `/api/hosts/${host.id}/schedules/${one.id}`, edit(one, change));
  const inSync = () => schedulesApplied(api, host.id, 10_000);
  /** What the platform does each minute; the local workerd has no clock of its own. */
  async function aMinutePasses() {
    if (runtime === "workerd") await fetch(`${product.origin}/cdn-cgi/handler/scheduled`);
  }
  async function jobOf(scheduleId: string, kind: string, not: ReadonlySet<string>): Promise<JobResource> {
    return waitFor(
      `a ${kind} of the schedule`,
      async () => {
        await aMinutePasses();
        const { items } = await api.get<Page<JobResource>>(`/api/jobs?hostId=${host.id}&kind=${kind}`);
        return items.find((job) => job.scheduleId === scheduleId && !not.has(job.id));
      },
      { timeoutMs: 90_000, everyMs: 500 },
    );
  }

  test("what was edited while the host was away is there within ten seconds of its return", async () => {
    await agent.stop();
    await waitFor("the server to see it go", async () => !(await detail()).online || agent.log().length > 0);
    const hourly = await api.send<ScheduleResource>("POST", `/api/hosts/${host.id}/schedules`, {
      kind: "backup",
      name: "hourly",
      repositoryId: host.repositories[0]!.id,
      enabled: true,
      manual: false,
      cron: "0 * * * *",
      timeZone: "Europe/Berlin",
      paths: ["/etc/hostname"],
    });
    const renamed = await put(hourly, { name: "every six hours", cron: "0 */6 * * *" });
    expect(renamed.version).toBe(hourly.version + 1);
    const gone = await api.send<ScheduleResource>("POST", `/api/hosts/${host.id}/schedules`, {
      ...edit(hourly, { name: "short-lived" }),
      version: undefined,
    });
    await api.send("DELETE", `/api/hosts/${host.id}/schedules/${gone.id}?version=${gone.version}`);

    await agent.start();
    await hostOnline(api, host.id, agent);
    const now = await inSync();
    expect(now.schedules.map(({ name }) => name).sort()).toEqual(["every six hours", host.schedules[0]!.name].sort());
    expect(now.schedules.find(({ id }) => id === hourly.id)).toMatchObject({ late: false, version: 2 });
    expect(now.nextDueAtMs).toBeGreaterThan(Date.now());

    // The second of two editors is told, and nothing of his is lost or applied.
    const second = await put(hourly, { name: "mine" }).catch((error: unknown) => error);
    expect(second).toBeInstanceOf(ApiError);
    expect((second as ApiError).status).toBe(409);
    expect((second as ApiError).problem?.code).toBe("schedule.changed");
    await api.send("DELETE", `/api/hosts/${host.id}/schedules/${hourly.id}?version=2`);
    await inSync();
  });

  test("two clicks at once make one job or two in turn, never two at a time, and none is lost", async () => {
    const { id } = host.schedules[0]!;
    const asked = await Promise.allSettled(
      [1, 2, 3].map(() => api.send<JobResource>("POST", `/api/hosts/${host.id}/schedules/${id}/run`, {})),
    );
    const made = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value.id] : []));
    expect(made.length).toBeGreaterThan(0);
    for (const one of asked) {
      if (one.status === "rejected") expect((one.reason as ApiError).problem?.code).toBe("job.conflict");
    }
    const ended = await Promise.all(made.map((jobId) => jobEnd(api, jobId)));
    for (const job of ended) {
      if (job.state !== "succeeded") expect(job.failure?.code).toBe("job.conflict");
    }
    expect(ended.filter(({ state }) => state === "succeeded").length).toBe(
      (await listSnapshots(restic, { address, password })).length,
    );
  });

  test("a click that meets the clock ends in whole jobs", async () => {
    const everyMinute = await api.send<ScheduleResource>("POST", `/api/hosts/${host.id}/schedules`, {
      kind: "backup",
      name: "every minute",
      repositoryId: host.repositories[0]!.id,
      enabled: true,
      manual: false,
      cron: "* * * * *",
      timeZone: "UTC",
      paths: ["/etc/hostname"],
    });
    await inSync();
    const fired = await jobOf(everyMinute.id, "backup", new Set());
    expect(fired).toMatchObject({ source: "schedule", missed: 0 });
    expect(fired.nominalAtMs! % 60_000).toBe(0);
    const clicked = await api
      .send<JobResource>("POST", `/api/hosts/${host.id}/schedules/${everyMinute.id}/run`, {})
      .catch((error: unknown) => (error as ApiError).problem!.code);
    const now = await schedule(everyMinute.id);
    await api.send("DELETE", `/api/hosts/${host.id}/schedules/${everyMinute.id}?version=${now.version}`);
    await inSync();
    expect((await jobEnd(api, fired.id)).state).toBe("succeeded");
    if (typeof clicked === "string") expect(clicked).toBe("job.conflict");
    else expect((await jobEnd(api, clicked.id)).state).toBe("succeeded");
    expect(
      existsSync(join(address, "locks")) &&
        (await runRestic(restic, { address, password }, ["list", "locks", "--no-lock"])).stdout,
    ).toBe("");
  });

  describe("retention", () => {
    let nightly: ScheduleResource;
    const preview = (keep: KeepPolicy) =>
      api.send<RetentionPlan>("POST", `/api/hosts/${host.id}/schedules/${nightly.id}/retention-preview`, { keep });
    const left = async () =>
      (await listSnapshots(restic, { address, password })).filter(({ tags }) =>
        tags?.includes(`rm:schedule:${nightly.id}`),
      );

    beforeAll(async () => {
      nightly = await schedule(host.schedules[0]!.id);
      // Twelve nights of the past, made by restic as the agent would have made them.
      const now = Date.now();
      for (let night = 12; night >= 1; night--) {
        const time = new Date(now - night * dayMs).toISOString().slice(0, 19).replace("T", " ");
        const run = await runRestic(restic, { address, password }, [
          "backup",
          "--quiet",
          `--time=${time}`,
          `--host=${host.hostname}`,
          `--tag=rm:schedule:${nightly.id}`,
          "/etc/hostname",
        ]);
        if (run.code !== 0) throw new Error(run.stderr);
      }
      expect((await jobEnd(api, (await askJob(api, host.id, { kind: "snapshots" })).id)).state).toBe("succeeded");
    });

    test("what the console previews is held, released, told to the agent and gone, and nothing else", async () => {
      // However many clicks above made snapshots: more than 20 % go, and no more than half, which the host would refuse.
      const keep = { daily: 9 };
      const before = await left();
      const plan = await preview(keep);
      expect(plan.removed.length + plan.kept.length).toBe(before.length);
      expect(plan.held).toEqual(expect.arrayContaining(["too_many", "time_mismatch"]));

      await put(nightly, { retention: { keep, when: "after_backup" } });
      nightly = await schedule(nightly.id);
      const backup = await jobEnd(
        api,
        (await api.send<JobResource>("POST", `/api/hosts/${host.id}/schedules/${nightly.id}/run`, {})).id,
      );
      expect(backup.state).toBe("succeeded");
      const held = await jobOf(nightly.id, "forget", new Set());
      expect(held.state).toBe("held");
      expect(await left()).toHaveLength(before.length + 1);

      const due = await preview(keep);
      expect(held.held).toMatchObject({ fingerprint: due.fingerprint, removed: due.removed.length });
      const wrong = api.send("POST", `/api/jobs/${held.id}/release`, { fingerprint: "x".repeat(32) });
      await expect(wrong).rejects.toMatchObject({ status: 409 });
      await api.send("POST", `/api/jobs/${held.id}/release`, { fingerprint: due.fingerprint });
      const forgot = await jobEnd(api, held.id);
      expect(forgot).toMatchObject({ state: "succeeded", releasedBy: "maja" });
      expect(forgot.result).toEqual({ kind: "forget", removed: due.removed.length, kept: due.kept.length });
      expect((await left()).map(({ id }) => id).sort()).toEqual(due.kept.map(({ id }) => id).sort());
      // The list of the server is that of the repository again, and what was released once is believed from then on.
      expect(await preview(keep)).toMatchObject({ removed: [], held: [] });
    });

    test("a plan confirmed at Save is carried out once, exactly as it was shown", async () => {
      const keep = { daily: 5 };
      nightly = await schedule(nightly.id);
      const plan = await preview(keep);
      expect(plan.removed.length).toBeGreaterThan(0);
      const known = new Set(
        (await api.get<Page<JobResource>>(`/api/jobs?hostId=${host.id}&kind=forget`)).items.map(({ id }) => id),
      );
      await put(nightly, { retention: { keep, when: "after_backup" }, confirmPlan: plan.fingerprint });
      const forget = await jobOf(nightly.id, "forget", known);
      expect((await jobEnd(api, forget.id)).state).toBe("succeeded");
      expect((await left()).map(({ id }) => id).sort()).toEqual(plan.kept.map(({ id }) => id).sort());
    });

    test("what the host's own guard refuses no release can carry out", async () => {
      const keep = { last: 1 };
      nightly = await schedule(nightly.id);
      const plan = await preview(keep);
      expect(plan.hostRefusal).toContain("restic-manager-agent policy set");
      const before = await left();
      const known = new Set(
        (await api.get<Page<JobResource>>(`/api/jobs?hostId=${host.id}&kind=forget`)).items.map(({ id }) => id),
      );
      await put(nightly, { retention: { keep, when: "after_backup" }, confirmPlan: plan.fingerprint });
      const forget = await jobEnd(api, (await jobOf(nightly.id, "forget", known)).id);
      expect(forget).toMatchObject({ state: "failed", failure: { code: "policy.forbidden" } });
      expect(await left()).toEqual(before);
    });
  });
});
