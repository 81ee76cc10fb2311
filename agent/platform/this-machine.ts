import { linux } from "./linux.ts";
import type { Platform } from "./platform.ts";

/** The operating system the agent runs on; null where there is no agent for it yet. */
export function thisPlatform(): Platform | null {
  return process.platform === "linux" ? linux : null;
}
