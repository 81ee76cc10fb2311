import { request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostDetail, Problem, ScheduleResource } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { runtimes, startProduct, type Product } from "../support/product.ts";
import { enrolHost, type WireHost } from "../support/wire-agent.ts";

/** A schedule that cannot be is refused with the field that is wrong and what to do, and nothing changes. */
describe.each(runtimes)("bad schedules on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let host: WireHost;
  let other: WireHost;

  beforeAll(async () => {
    product = await startProduct(runtime);
    api = await product.signIn();
    host = await enrolHost(api, "host-a");
    other = await enrolHost(api, "host-b");
  });
  afterAll(() => product?.stop());

  async function send(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown) {
    const answer = await request(product.origin + path, {
      method,
      headers: { cookie: api.cookie(), origin: product.origin, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, problem: JSON.parse(text || "{}") as Problem };
  }
  const schedules = () => `/api/hosts/${host.hostId}/schedules`;
  const backup = (over: object = {}) => ({
    kind: "backup",
    name: "nightly",
    repositoryId: host.repositoryId,
    enabled: true,
    manual: false,
    cron: "30 13 * * *",
    timeZone: "Europe/Berlin",
    paths: ["/srv"],
    ...over,
  });
  const keeping = (keep: object) => ({ retention: { keep, when: "after_backup" } });

  test.each<[string, object, string]>([
    ["a cron of words", { cron: "every day at noon please" }, "cron"],
    ["a cron out of range", { cron: "61 13 * * *" }, "cron"],
    ["a cron with seconds", { cron: "0 30 13 * * *" }, "cron"],
    ["a cron that never comes", { cron: "0 0 30 2 *" }, "cron"],
    ["a nickname", { cron: "@daily" }, "cron"],
    ["no cron where it is not manual", { cron: undefined }, "cron"],
    ["no zone where it is not manual", { timeZone: undefined }, "timeZone"],
    ["an unknown zone", { timeZone: "Mars/Olympus" }, "timeZone"],
    ["ten thousand paths", { paths: Array.from({ length: 10_000 }, (_, i) => `/srv/${i}`) }, "paths"],
    ["500 long paths", { paths: Array.from({ length: 500 }, (_, i) => `/srv/${i}${"x".repeat(1000)}`) }, "paths"],
    ["no path", { paths: [] }, "paths"],
    ["a newline in a path", { paths: ["/srv/a\nb"] }, "paths.0"],
    ["a NUL in a path", { paths: ["/srv", "/srv/a\0b"] }, "paths.1"],
    ["a relative path", { paths: ["srv"] }, "paths.0"],
    ["a newline in an exclude", { excludes: ["*.tmp\n/etc"] }, "excludes.0"],
    ["a NUL in an exclude", { excludes: ["a\0b"] }, "excludes.0"],
    ["a rule of 0", keeping({ daily: 0 }), "retention.keep.daily"],
    ["a rule of -1", keeping({ last: -1 }), "retention.keep.last"],
    ["a rule of 1e9", keeping({ weekly: 1e9 }), "retention.keep.weekly"],
    ["a rule that is half", keeping({ weekly: 1.5 }), "retention.keep.weekly"],
    ["no rule", keeping({}), "retention.keep"],
    ["an odd duration", keeping({ within: "7; rm" }), "retention.keep.within"],
    ["half a KiB/s", { limits: { uploadKiBs: 0.5 } }, "limits.uploadKiBs"],
    ["hooks beside a schedule", { hooks: { pre: { kind: "named", name: "x" } } }, "hooks"],
    ["a repository of another host", { repositoryId: "00000000-0000-7000-8000-000000000000" }, "repositoryId"],
    ["a spread of a week", { spreadMinutes: 10_080 }, "spreadMinutes"],
    ["a tag with a comma", { tags: ["a,b"] }, "tags.0"],
    ["an unknown kind", { kind: "restore" }, "kind"],
    ["an unknown field", { argv: ["--option"] }, "argv"],
  ])("%s is named", async (_, over, field) => {
    const made = await send("POST", schedules(), backup(over));
    expect(made.status).toBe(422);
    expect(made.problem.code).toBe("request.invalid");
    expect(made.problem.errors?.map((error) => error.field)).toContain(field);
    expect(made.problem.errors?.every((error) => error.message.length > 5)).toBe(true);
  });

  test("nothing of all that was kept", async () => {
    const detail = await api.get<HostDetail>(`/api/hosts/${host.hostId}`);
    expect(detail.schedules).toHaveLength(1);
    expect(detail.scheduleVersion).toBe(1);
  });

  test("a schedule of another host cannot be changed, run, read or removed by this one's address", async () => {
    const foreign = `${schedules()}/${other.scheduleId}`;
    expect((await send("PUT", foreign, backup({ version: 1 }))).problem.code).toBe("schedule.not_found");
    expect((await send("POST", `${foreign}/run`, {})).problem.code).toBe("schedule.not_found");
    expect((await send("DELETE", `${foreign}?version=1`)).problem.code).toBe("schedule.not_found");
    const moved = await send("POST", schedules(), backup({ repositoryId: other.repositoryId }));
    expect(moved.problem.errors?.map(({ field }) => field)).toEqual(["repositoryId"]);
    expect((await api.get<HostDetail>(`/api/hosts/${other.hostId}`)).scheduleVersion).toBe(1);
  });

  test("hooks belong to backups, and a host that has not said it allows them gets none by text", async () => {
    const check = await api.send<ScheduleResource>("POST", schedules(), {
      kind: "check",
      name: "weekly check",
      repositoryId: host.repositoryId,
      enabled: true,
      manual: false,
      cron: "0 6 * * SAT",
      timeZone: "UTC",
      readData: { mode: "rotate", days: 30 },
    });
    const hooks = { pre: { kind: "named", name: "dump" } };
    const refused = await send("PUT", `${schedules()}/${check.id}/hooks`, { hooks, version: 0 });
    expect(refused.status).toBe(422);
    expect(refused.problem.errors?.map(({ field }) => field)).toEqual(["hooks"]);
    const outside = await send("PUT", `${schedules()}/${host.scheduleId}/hooks`, {
      hooks: { pre: { kind: "named", name: "../../bin/sh" } },
      version: 0,
    });
    expect(outside.problem.errors?.map(({ field }) => field)).toEqual(["hooks.pre.name"]);
    await api.send("DELETE", `${schedules()}/${check.id}?version=${check.version}`);
  });

  test("the fifty-first schedule of a host is refused", async () => {
    const crowded = await enrolHost(api, "crowded");
    const path = `/api/hosts/${crowded.hostId}/schedules`;
    for (let i = 1; i < 50; i++) {
      const made = await send("POST", path, backup({ name: `s${i}`, repositoryId: crowded.repositoryId }));
      expect(made.status).toBe(201);
    }
    const more = await send("POST", path, backup({ repositoryId: crowded.repositoryId }));
    expect(more.problem.code).toBe("schedule.limit");
  });
});
