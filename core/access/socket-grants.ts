/**
 * The header in which the Worker hands a relay's object what it checked. Only the Worker can reach an object, and it makes
 * the request itself, so nobody else sets this.
 */
export const UPGRADE_HEADER = "x-rm-upgrade";

/** Who an agent socket is: set by the route that checked the bearer, never by a message. */
export interface AgentGrant {
  hostId: string;
  signKey: string;
  /** Where the connection came from, past trusted proxies only. */
  address: string;
  configVersion: number;
  scheduleVersion: number;
  /** Period of the half-open check: 90 s for a fleet up to 1,000 hosts, 15 min beyond. */
  sweepMs: number;
}

/** Who a browser socket is and what it watches. */
export interface BrowserGrant {
  userId: string;
  sessionHash: string;
  grantUntilMs: number;
  jobId: string;
  afterSeq: number;
}

/** Which announcement a socket wants to wait for, and the key it has to prove. */
export interface PendingGrant {
  pendingId: string;
  signKey: string;
  expiresAtMs: number;
}

/** Who a dashboard socket is. */
export interface FleetGrant {
  userId: string;
  sessionHash: string;
  grantUntilMs: number;
}
