import { expect, test } from "vitest";
import { chooseRepository, chooseSchedule } from "./choose.ts";

const on = { id: "a", name: "home", enabled: true, manual: false };
const off = { id: "b", name: "srv", enabled: false, manual: true };
const other = { id: "c", name: "etc", enabled: true, manual: false };
const byHand = { id: "d", name: "now", enabled: true, manual: true };
const code = (result: { ok: boolean; failure?: { code: string } }) => result.failure?.code;

test("Run now takes the only schedule that is switched on", () => {
  expect(chooseSchedule([on, off], undefined)).toEqual({ ok: true, value: on });
});

test("the only manual schedule that is switched on goes before those with a cron", () => {
  expect(chooseSchedule([on, other, byHand, off], undefined)).toEqual({ ok: true, value: byHand });
});

test("Run now never guesses between several schedules: it names them", () => {
  const two = chooseSchedule([on, other, off], undefined);
  expect(two).toMatchObject({ failure: { code: "schedule.choose", detail: "Choose one of: home, etc." } });
  expect(code(chooseSchedule([on, byHand, { ...byHand, id: "e" }], undefined))).toBe("schedule.choose");
  expect(chooseSchedule([on, other], "c")).toEqual({ ok: true, value: other });
  const many = Array.from({ length: 50 }, (_, i) => ({ ...on, id: `s${i}` }));
  expect(chooseSchedule(many, undefined)).toMatchObject({
    failure: { detail: expect.stringMatching(/ and 40 more\.$/) },
  });
});

test("a schedule that is absent or switched off is not run", () => {
  expect(code(chooseSchedule([off], undefined))).toBe("host.no_schedule");
  expect(code(chooseSchedule([on, off], "b"))).toBe("host.no_schedule");
  expect(code(chooseSchedule([on], "z"))).toBe("host.no_schedule");
});

test("a job without a repository takes the host's only one", () => {
  expect(chooseRepository([{ id: "r" }], undefined)).toEqual({ ok: true, value: { id: "r" } });
  expect(code(chooseRepository([], undefined))).toBe("repository.credentials_missing");
  expect(code(chooseRepository([{ id: "r" }, { id: "s" }], undefined))).toBe("request.invalid");
  expect(code(chooseRepository([{ id: "r" }], "s"))).toBe("request.invalid");
});
