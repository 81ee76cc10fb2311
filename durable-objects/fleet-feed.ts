import type { FleetGrant } from "../core/access/socket-grants.ts";
import { readGrant } from "../core/secrets/tokens.ts";
import { BROWSER_WINDOW_BYTES, CLOSE } from "../protocol/limits.ts";
import { parseBrowserFrame, type FleetMessage } from "../protocol/stream.ts";
import type { FleetFeedPort } from "../worker/bindings.ts";
import type { RelayOutside, RelayPlatform, RelaySocket } from "./platform.ts";

interface DashboardAttachment {
  kind: "fleet";
  userId: string;
  sessionHash: string;
  grantUntilMs: number;
}

/** Dashboard sockets: a fan-out point. A dashboard that misses something reads it again when it reconnects. */
export class FleetFeed implements FleetFeedPort {
  readonly #platform: RelayPlatform;
  readonly #outside: Pick<RelayOutside, "grantKey" | "now">;
  #alarmAtMs: number | null | undefined = undefined;

  constructor(platform: RelayPlatform, outside: Pick<RelayOutside, "grantKey" | "now">) {
    this.#platform = platform;
    this.#outside = outside;
  }

  /** A socket whose session and grant were checked. */
  acceptFleet(socket: RelaySocket, grant: FleetGrant): void {
    this.#platform.acceptWebSocket(socket, [grant.sessionHash]);
    const { userId, sessionHash, grantUntilMs } = grant;
    const attachment: DashboardAttachment = { kind: "fleet", userId, sessionHash, grantUntilMs };
    socket.serializeAttachment(attachment);
    this.#send(socket, { type: "hello", timeMs: this.#outside.now() });
    this.#setAlarm();
  }

  webSocketMessage(socket: RelaySocket, frame: string | ArrayBuffer): void {
    const attachment = socket.deserializeAttachment() as DashboardAttachment | null;
    const message = typeof frame === "string" ? parseBrowserFrame(frame) : null;
    if (!attachment || message?.type !== "renew") {
      socket.close(CLOSE.badFrame, "bad_frame");
      return;
    }
    const grant = readGrant(this.#outside.grantKey, message.grant, this.#outside.now());
    if (!grant || grant.userId !== attachment.userId || grant.sessionHash !== attachment.sessionHash) {
      socket.close(CLOSE.badProof, "grant refused");
      return;
    }
    attachment.grantUntilMs = grant.expiresAtMs;
    socket.serializeAttachment(attachment);
  }

  webSocketClose(): void {
    // The next alarm finds it gone.
  }

  webSocketError(): void {
    // As above.
  }

  alarm(): void {
    const nowMs = this.#outside.now();
    for (const socket of this.#platform.getWebSockets()) {
      const { grantUntilMs } = socket.deserializeAttachment() as DashboardAttachment;
      if (socket.readyState === 1 && grantUntilMs <= nowMs) socket.close(CLOSE.badProof, "grant expired");
    }
    this.#platform.storage.sql.exec("DELETE FROM feed_job_sockets WHERE until_ms <= ?", nowMs);
    this.#alarmAtMs = undefined;
    this.#setAlarm();
  }

  async publish(messages: readonly FleetMessage[]): Promise<{ watched: boolean }> {
    const open = this.#platform.getWebSockets().filter((socket) => socket.readyState === 1);
    if (open.length > 0)
      for (const message of messages) {
        const frame = JSON.stringify(message);
        for (const socket of open) {
          if ((socket.bufferedAmount ?? 0) > BROWSER_WINDOW_BYTES) socket.close(CLOSE.slowDown, "too slow");
          else socket.send(frame);
        }
      }
    return { watched: open.length > 0 };
  }

  async noteJobSocket(sessionHash: string, hostId: string, untilMs: number): Promise<void> {
    this.#platform.storage.sql.exec(
      `INSERT INTO feed_job_sockets (session_hash, host_id, until_ms) VALUES (?, ?, ?)
       ON CONFLICT (session_hash, host_id) DO UPDATE SET until_ms = excluded.until_ms WHERE excluded.until_ms > until_ms`,
      sessionHash,
      hostId,
      untilMs,
    );
    await this.#platform.storage.sync();
  }

  async closeSession(sessionHash: string): Promise<string[]> {
    for (const socket of this.#platform.getWebSockets(sessionHash)) socket.close(CLOSE.badProof, "signed out");
    const rows = this.#platform.storage.sql
      .exec("DELETE FROM feed_job_sockets WHERE session_hash = ? RETURNING host_id", sessionHash)
      .toArray();
    await this.#platform.storage.sync();
    return rows.map((row) => row["host_id"] as string);
  }

  #send(socket: RelaySocket, message: FleetMessage): void {
    socket.send(JSON.stringify(message));
  }

  /** The alarm stands at the first grant's end; renewals may move that later, never earlier. */
  #setAlarm(): void {
    let next: number | null = null;
    for (const socket of this.#platform.getWebSockets()) {
      if (socket.readyState !== 1) continue;
      const { grantUntilMs } = socket.deserializeAttachment() as DashboardAttachment;
      if (next === null || grantUntilMs < next) next = grantUntilMs;
    }
    if (next === null || (typeof this.#alarmAtMs === "number" && this.#alarmAtMs <= next)) return;
    this.#alarmAtMs = next;
    void this.#platform.storage.setAlarm(next, { allowUnconfirmed: true });
  }
}
