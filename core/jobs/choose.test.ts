import { expect, test } from "vitest";
import { chooseRepository, chooseSchedule } from "./choose.ts";

const on = { id: "a", name: "home", enabled: true };
const off = { id: "b", name: "srv", enabled: false };
const other = { id: "c", name: "etc", enabled: true };
const code = (result: { ok: boolean; failure?: { code: string } }) => result.failure?.code;

test("Run now takes the only schedule that is switched on", () => {
  expect(chooseSchedule([on, off], undefined)).toEqual({ ok: true, value: on });
});

test("Run now never guesses between two schedules", () => {
  expect(code(chooseSchedule([on, other], undefined))).toBe("host.no_schedule");
  expect(chooseSchedule([on, other], "c")).toEqual({ ok: true, value: other });
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
