import * as v from "valibot";
import { MAX_SCHEDULE_BYTES } from "../../protocol/limits.ts";
import { scheduleEditShape, scheduleShape } from "../../protocol/schedule.ts";
import { utf8Length } from "../../protocol/wire.ts";
import { cronProblem, MAX_CRON_LENGTH, MAX_ZONE_LENGTH, zoneProblem } from "./cron.ts";

/**
 * THE validator of a schedule, in the console, on the server and on the agent: the shape of protocol/schedule.ts and
 * what its fields mean together. Each issue names its field, and all are found in one pass, so that a form can show
 * them side by side.
 */

interface Problem {
  readonly field: "cron" | "timeZone" | "paths";
  readonly message: string;
}

/** Adds to the issues of a shape what its fields mean together; for use behind any shape of a schedule. */
export function crossCheck<T>() {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    const input: unknown = dataset.value;
    if (typeof input !== "object" || input === null) return;
    const schedule = input as Record<string, unknown>;
    const problems = [...timingProblems(schedule), ...(dataset.issues ? [] : sizeProblems(schedule))];
    for (const { field, message } of problems)
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input: schedule, key: field, value: schedule[field] }],
      });
  });
}

/** Fields of a wrong type or length are left to the shape, so that no field gets two messages. */
function timingProblems({ manual, cron, timeZone }: Record<string, unknown>): Problem[] {
  const problems: Problem[] = [];
  const add = (field: Problem["field"], message: string | null) => {
    if (message !== null) problems.push({ field, message });
  };
  if (cron === undefined) {
    if (manual === false) add("cron", "is needed unless the schedule is manual; such as 30 13 * * *");
  } else if (typeof cron === "string" && cron.trim() !== "" && cron.length <= MAX_CRON_LENGTH)
    add("cron", cronProblem(cron));
  if (timeZone === undefined) {
    if (manual === false) add("timeZone", "is needed unless the schedule is manual; such as Europe/Berlin");
  } else if (typeof timeZone === "string" && timeZone !== "" && timeZone.length <= MAX_ZONE_LENGTH)
    add("timeZone", zoneProblem(timeZone));
  return problems;
}

/** Asked when the shape has nothing to say: a list that is too long has its own message. */
function sizeProblems({ paths, excludes, tags }: Record<string, unknown>): Problem[] {
  if (paths === undefined || utf8Length(JSON.stringify({ paths, excludes, tags })) <= MAX_SCHEDULE_BYTES) return [];
  return [{ field: "paths", message: "with excludes and tags they are over 64 KiB; name a folder above them instead" }];
}

/** A schedule as POST takes it. */
export const scheduleInput = v.pipe(scheduleShape, crossCheck<v.InferOutput<typeof scheduleShape>>());
/** A schedule as PUT takes it. */
export const scheduleEdit = v.pipe(scheduleEditShape, crossCheck<v.InferOutput<typeof scheduleEditShape>>());
