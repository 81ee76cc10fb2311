import * as v from "valibot";
import { createdEnrollmentSchema, repositoryInput } from "./api.ts";
import { displayName, tags, timeMs, uuid } from "./scalars.ts";
import { backupScheduleSchema } from "./schedule.ts";

/** Enrolment tokens for many hosts, and who joined with a token. */

export const MIN_FLEET_USES = 2;
export const MAX_FLEET_USES = 1000;

/** How long a fleet token may be used, in hours: an hour unless it is chosen, 30 days at most. */
export const FLEET_LIFETIMES_HOURS = [1, 8, 24, 7 * 24, 30 * 24] as const;

/** The shape of the schedule each host gets: a backup schedule, its repository being the host's own. */
export const fleetScheduleShape = v.omit(backupScheduleSchema, ["kind", "repositoryId"]);
export type FleetSchedule = v.InferOutput<typeof fleetScheduleShape>;

const { address, env, createRepository } = repositoryInput.entries;

/** POST /api/fleet-tokens, but for its schedule, whose times core/enrollment/fleet-token-input.ts checks. */
export const fleetTokenEntries = {
  /** What people call the token, such as "Web servers". */
  name: displayName,
  maxUses: v.pipe(
    v.number(),
    v.integer("must be a whole number"),
    v.minValue(MIN_FLEET_USES, "must be at least 2; for one host prepare that host"),
    v.maxValue(MAX_FLEET_USES, "must be at most 1,000"),
  ),
  lifetimeHours: v.optional(v.picklist(FLEET_LIFETIMES_HOURS, "must be 1, 8, 24, 168 or 720"), 1),
  tags: v.optional(tags, []),
  /** `address` holds `{hostname}`. There is no password: each host gets one of its own. */
  repository: v.strictObject({ address, env, createRepository }),
};

/** Answer of POST /api/fleet-tokens. */
export const createdFleetTokenSchema = v.object({
  ...createdEnrollmentSchema.entries,
  /** Each host's repository password follows from it and the repository's address. Never shown again. */
  recoveryKey: v.string(),
});

/** One host that joined with a token. It stays when the host is removed. */
export const enrollmentJoinSchema = v.object({
  hostId: uuid,
  /** As it was named when it joined. */
  hostName: v.string(),
  repositoryAddress: v.string(),
  /** The network address it joined from. */
  address: v.string(),
  atMs: timeMs,
  /** False once it was removed. */
  exists: v.boolean(),
});
export type EnrollmentJoin = v.InferOutput<typeof enrollmentJoinSchema>;
