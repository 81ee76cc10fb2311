import type { FleetMessage } from "../protocol/stream.ts";
import type { Runtime } from "./bindings.ts";

/**
 * Tells the dashboards. What they show is read again when they reconnect, so a feed that cannot be reached costs a
 * log line, never the request.
 */
export async function announce(runtime: Runtime, messages: readonly FleetMessage[]): Promise<void> {
  if (messages.length === 0) return;
  try {
    await runtime.fleet.publish(messages);
  } catch (error) {
    runtime.log.warn("fleet.publish_failed", { error });
  }
}
