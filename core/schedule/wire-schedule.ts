import * as v from "valibot";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import { uuid } from "../../protocol/scalars.ts";
import {
  backupScheduleSchema,
  checkScheduleSchema,
  limitsSchema,
  readDataSchema,
  retentionSchema,
} from "../../protocol/schedule.ts";
import { envelopeSchema } from "../../protocol/sealed.ts";
import type { WireSchedule } from "../../protocol/wire.ts";
import { crossCheck } from "./schedule-input.ts";

/** Fields that a newer server adds are dropped, on every level: only what this agent would run must be right. */
const common = {
  id: uuid,
  createRepository: v.boolean(),
  limits: v.optional(v.object(limitsSchema.entries), {}),
};
const [none, percent, rotate] = readDataSchema.options;
const shape = v.variant("kind", [
  v.object({
    ...backupScheduleSchema.entries,
    ...common,
    // The server alone applies it, so one that this agent cannot read does not stop a backup.
    retention: v.fallback(v.optional(v.nullable(retentionSchema), null), null),
    hooks: v.optional(envelopeSchema),
  }),
  v.object({
    ...checkScheduleSchema.entries,
    ...common,
    readData: v.variant("mode", [v.object(none.entries), v.object(percent.entries), v.object(rotate.entries)]),
  }),
]);
const wireSchedule = v.pipe(shape, crossCheck<v.InferOutput<typeof shape>>());

/** One entry of `schedule.set`; a failure names the first field that this agent cannot use. */
export function parseWireSchedule(entry: unknown): Result<WireSchedule> {
  const parsed = v.safeParse(wireSchedule, entry);
  if (parsed.success) return ok(parsed.output);
  const [issue] = parsed.issues;
  const field = v.getDotPath(issue);
  return fail("schedule.invalid", field === null ? issue.message : `${field}: ${issue.message}`);
}
