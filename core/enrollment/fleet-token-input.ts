import * as v from "valibot";
import { fleetScheduleShape, fleetTokenEntries, type FleetSchedule } from "../../protocol/fleet-token.ts";
import { crossCheck } from "../schedule/schedule-input.ts";

/** A fleet token as POST takes it, its schedule checked by the validator of all schedules. */
export const fleetTokenInput = v.strictObject({
  ...fleetTokenEntries,
  schedule: v.pipe(v.strictObject(fleetScheduleShape.entries), crossCheck<FleetSchedule>()),
});
