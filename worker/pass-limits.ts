/** How much one pass of the fleet clock does at most. What is left over stays due, longest due first, for the next minute. */
export interface PassLimits {
  /** Hosts whose status the clock alone changed. */
  lateHosts: number;
  /** Jobs that are offered to their relays again. */
  offers: number;
  /** Forget schedules that fire. */
  forgets: number;
  /** Prunes, and retentions that are planned. */
  fires: number;
}

export const PASS_ON_NODE: PassLimits = { lateHosts: 100_000, offers: 1000, forgets: 2000, fires: 2000 };

/**
 * D1 takes 1,000 queries an invocation on the Paid plan (developers.cloudflare.com/d1/platform/limits), here a batch
 * counted by its statements. At the most a hundred late hosts cost 4, an offer 4, a forget schedule 2, a fire 11, and
 * all that is measured or has expired 50 together.
 */
export const PASS_ON_WORKERS: PassLimits = { lateHosts: 1000, offers: 40, forgets: 25, fires: 50 };
