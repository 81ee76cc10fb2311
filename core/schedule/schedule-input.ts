import * as v from "valibot";
import { MAX_SCHEDULE_BYTES } from "../../protocol/limits.ts";
import { scheduleEditShape, scheduleShape } from "../../protocol/schedule.ts";
import { utf8Length } from "../../protocol/wire.ts";
import { cronProblem, zoneProblem } from "./cron.ts";

/**
 * THE validator of a schedule, in the console, on the server and on the agent: the shape of protocol/schedule.ts and
 * what its fields mean together. Each issue names its field, and all are found in one pass, so that a form can show
 * them side by side.
 */

interface Problem {
  readonly field: "cron" | "timeZone" | "paths";
  readonly message: string;
}

/** What is wrong with the fields of a schedule together; fields of a wrong shape are left to the shape. */
export function crossProblems(schedule: unknown): Problem[] {
  if (typeof schedule !== "object" || schedule === null) return [];
  const { manual, cron, timeZone, paths, excludes, tags } = schedule as Record<string, unknown>;
  const problems: Problem[] = [];
  const add = (field: Problem["field"], message: string | null) => {
    if (message !== null) problems.push({ field, message });
  };
  if (cron === undefined) {
    if (manual === false) add("cron", "is needed unless the schedule is manual; such as 30 13 * * *");
  } else if (typeof cron === "string" && cron.trim() !== "" && cron.length <= 256) add("cron", cronProblem(cron));
  if (timeZone === undefined) {
    if (manual === false) add("timeZone", "is needed unless the schedule is manual; such as Europe/Berlin");
  } else if (typeof timeZone === "string" && timeZone !== "" && timeZone.length <= 64)
    add("timeZone", zoneProblem(timeZone));
  if (paths !== undefined && utf8Length(JSON.stringify({ paths, excludes, tags })) > MAX_SCHEDULE_BYTES)
    add("paths", "paths, excludes and tags together are over 64 KiB; name a folder above them instead");
  return problems;
}

/** Adds the cross-field issues to those of the shape; for use behind any shape of a schedule. */
export function crossCheck<T>() {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    const input = dataset.value as Record<string, unknown>;
    for (const { field, message } of crossProblems(input))
      addIssue({ message, path: [{ type: "object", origin: "value", input, key: field, value: input[field] }] });
  });
}

/** A schedule as POST takes it. */
export const scheduleInput = v.pipe(scheduleShape, crossCheck<v.InferOutput<typeof scheduleShape>>());
/** A schedule as PUT takes it. */
export const scheduleEdit = v.pipe(scheduleEditShape, crossCheck<v.InferOutput<typeof scheduleEditShape>>());
