import { expect, test } from "vitest";
import * as v from "valibot";
import { jobSpecSchema, type WireSchedule } from "../../protocol/wire.ts";
import { specOfSchedule } from "./job-spec.ts";

const common = {
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  name: "Nightly",
  repositoryId: "01890a5d-ac96-774b-bcce-b302099a8058",
  enabled: true,
  manual: false,
  timeZone: "Europe/Berlin",
  spreadMinutes: 0,
  catchUp: "once",
  limits: { uploadKiBs: 512 },
  createRepository: true,
} as const;
const checkAt = (cron: string, days: number, manual = false): WireSchedule => ({
  ...common,
  kind: "check",
  manual,
  ...(!manual && { cron }),
  readData: { mode: "rotate", days },
});
function partsOf(schedule: WireSchedule): number | null {
  const spec = specOfSchedule(schedule);
  return spec.kind === "check" && spec.readData.mode === "rotate" ? spec.readData.of : null;
}

test("a backup carries what its schedule says", () => {
  const schedule: WireSchedule = {
    ...common,
    kind: "backup",
    cron: "0 3 * * *",
    paths: ["/srv"],
    excludes: ["*.tmp"],
    tags: ["nightly"],
    fsSnapshot: false,
    retention: null,
  };
  const spec = specOfSchedule(schedule);
  expect(spec).toEqual({
    kind: "backup",
    repositoryId: common.repositoryId,
    scheduleId: common.id,
    paths: ["/srv"],
    excludes: ["*.tmp"],
    tags: ["nightly"],
    fsSnapshot: false,
    createRepository: true,
    verbose: false,
    limits: { uploadKiBs: 512 },
  });
  expect(v.parse(jobSpecSchema, spec)).toEqual(spec);
});

test("a rotating check reads as many parts as it runs in its days", () => {
  expect(partsOf(checkAt("0 3 * * *", 30))).toBe(30);
  expect(partsOf(checkAt("0 3 * * 6", 28))).toBe(4);
  expect(partsOf(checkAt("0 3 1 * *", 365))).toBe(12);
  expect(partsOf(checkAt("0 */6 * * *", 7))).toBe(28);
});

test("a check that runs more rarely than its days reads everything, and no check has over 256 parts", () => {
  expect(partsOf(checkAt("0 3 1 * *", 7))).toBe(1);
  expect(partsOf(checkAt("* * * * *", 365))).toBe(256);
});

test("a manual check counts its days as runs", () => {
  expect(partsOf(checkAt("", 30, true))).toBe(30);
  expect(partsOf(checkAt("", 365, true))).toBe(256);
});
