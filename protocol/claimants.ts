import * as v from "valibot";
import { count, timeMs } from "./scalars.ts";

/** A machine that says it is this host: one of those an administrator picks the right one of. */
export const claimantSchema = v.object({
  /** Names it in a choice. */
  no: count,
  /** `open`: nobody has chosen yet. `refused`: another one was chosen. */
  standing: v.picklist(["open", "chosen", "refused"]),
  /** It was the connected one when the host was locked. */
  held: v.boolean(),
  /** Another claimant tells the same of its hardware: a copy on the same machine, or one machine set back. */
  alike: v.boolean(),
  /** The join number on its disk, which counts its connections; the lowest where several are possible. */
  join: count,
  /** hostname, hardware, network, machineId (three keyed hashes), kernel and distribution, as far as it told them. */
  facts: v.record(v.string(), v.string()),
  agentVersion: v.string(),
  address: v.string(),
  firstSeenAtMs: timeMs,
  /** At most a quarter of an hour behind. */
  lastSeenAtMs: timeMs,
});
export type ClaimantResource = v.InferOutput<typeof claimantSchema>;

/** POST /api/hosts/:id/clone-choice: the number of the machine that is the right one. */
export const cloneChoiceBody = v.strictObject({ claimant: count });
