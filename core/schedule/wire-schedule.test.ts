import { expect, test } from "vitest";
import { parseWireSchedule } from "./wire-schedule.ts";

const backup = {
  kind: "backup",
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  name: "Nightly",
  repositoryId: "01890a5d-ac96-774b-bcce-b302099a8058",
  enabled: true,
  manual: false,
  cron: "30 13 * * *",
  timeZone: "Europe/Berlin",
  spreadMinutes: 5,
  catchUp: "skip",
  limits: { uploadKiBs: 100 },
  paths: ["/srv"],
  excludes: [],
  tags: [],
  retention: null,
  createRepository: false,
};
const { paths: _, excludes: __, tags: ___, retention: ____, ...common } = backup;
const check = { ...common, kind: "check", readData: { mode: "rotate", days: 30 } };

test("a schedule that the host fires comes out as it went in", () => {
  expect(parseWireSchedule(backup)).toEqual({ ok: true, value: backup });
  expect(parseWireSchedule(check)).toEqual({ ok: true, value: check });
});

test("what a newer server adds is dropped, on every level", () => {
  const newer = { ...backup, colour: "blue", limits: { ...backup.limits, burst: 1 } };
  expect(parseWireSchedule(newer)).toEqual({ ok: true, value: backup });
  expect(parseWireSchedule({ ...check, readData: { ...check.readData, order: "random" } })).toEqual({
    ok: true,
    value: check,
  });
  const retention = { keep: { last: 1, quarterly: 4 }, when: "after_backup" };
  expect(parseWireSchedule({ ...backup, retention })).toEqual({ ok: true, value: backup });
});

test.for([
  [{ cron: "x" }, /^cron: needs five fields/],
  [{ cron: undefined }, /^cron: is needed/],
  [{ timeZone: "Mars/Olympus" }, /^timeZone: is not a known time zone/],
  [{ paths: ["srv"] }, /^paths\.0: must be an absolute path/],
  [{ kind: "forget" }, /^kind: /],
  [{ limits: { uploadKiBs: 0 } }, /^limits\.uploadKiBs: /],
] as const)("%j is refused with the field named", ([change, message]) => {
  expect(parseWireSchedule({ ...backup, ...change })).toMatchObject({
    ok: false,
    failure: { code: "schedule.invalid", message: expect.stringMatching(message) },
  });
});
