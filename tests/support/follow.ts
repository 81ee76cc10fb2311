import { WebSocket } from "ws";
import { BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX } from "../../protocol/limits.ts";
import type { JobStreamMessage } from "../../protocol/stream.ts";
import type { JobRecord } from "../../protocol/wire.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";

export interface Follower {
  /** Records in the order they came, over all connections; `faults` holds every gap and repeat seen. */
  readonly records: JobRecord[];
  readonly faults: string[];
  close(): void;
}

/** Follows a job's stream as the console does: with a grant, reconnecting from the last seq it saw. */
export function followJob(api: ConsoleApi, jobId: string): Follower {
  const records: JobRecord[] = [];
  const faults: string[] = [];
  let socket: WebSocket | null = null;
  let closed = false;

  const connect = async () => {
    if (closed) return;
    const again = () => {
      if (!closed) setTimeout(() => void connect(), 200);
    };
    const answer = await api.send<{ grant: string }>("POST", "/api/grants").catch(() => null);
    if (!answer) {
      again();
      return;
    }
    const url = `${api.origin.replace("http", "ws")}/ws/jobs/${jobId}?after=${records.length}`;
    socket = new WebSocket(url, [BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX + answer.grant], {
      headers: { cookie: api.cookie(), origin: api.origin },
    });
    socket.on("error", () => {});
    socket.on("close", again);
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString()) as JobStreamMessage;
      if (message.type !== "records") return;
      if (message.first !== records.length + 1) faults.push(`expected ${records.length + 1}, got ${message.first}`);
      records.push(...message.records);
      socket?.send(JSON.stringify({ type: "seen", seq: records.length }));
    });
  };
  void connect();
  return {
    records,
    faults,
    close() {
      closed = true;
      socket?.close();
    },
  };
}
