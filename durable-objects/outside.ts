import type { RandomBytes } from "../core/ids.ts";
import type { SealKey } from "../core/secrets/at-rest.ts";
import { verify } from "../core/secrets/sign.ts";
import type { Database, FleetFeedPort, Log } from "../worker/bindings.ts";
import { pendingOutcome } from "../worker/store/pending-outcome.ts";
import { recordFacts } from "../worker/store/facts.ts";
import { loadHostConfig, loadHostSchedules } from "../worker/store/host-sets.ts";
import type { RelayOutside } from "./platform.ts";

export interface OutsideParts {
  db: Database;
  secretKeys: readonly SealKey[];
  grantKey: Uint8Array;
  fleet: Pick<FleetFeedPort, "publish">;
  now(): number;
  random: RandomBytes;
  log: Log;
  /** A native check of the same signatures, where the platform has one. */
  verify?: RelayOutside["verify"];
}

/** What a relay asks of the rest of the server, on the database and the fleet feed. */
export function createOutside(parts: OutsideParts): RelayOutside {
  const { db, fleet, log, now, random } = parts;
  return {
    loadConfig: (hostId) => loadHostConfig(db, hostId, parts.secretKeys, random),
    loadSchedules: (hostId) => loadHostSchedules(db, hostId, parts.secretKeys, random),
    async recordFacts(hostId, facts) {
      const messages = await recordFacts(db, hostId, facts, { nowMs: now(), random });
      if (messages.length === 0) return;
      // The facts are in: a feed that cannot be reached must not have them written again.
      await fleet.publish(messages).catch((error: unknown) => {
        log.warn("relay.feed_unreachable", { hostId, error });
      });
    },
    publish: (messages) => fleet.publish(messages),
    pendingOutcome: (pendingId) => pendingOutcome(db, pendingId, { nowMs: now(), random }),
    verify: parts.verify ?? verify,
    grantKey: parts.grantKey,
    now,
    random,
    log,
  };
}
