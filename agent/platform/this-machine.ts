import { linux } from "./linux.ts";
import type { Platform } from "./platform.ts";
import { windows } from "./windows.ts";

/** The operating system the agent runs on; null where there is no agent for it yet. */
export function thisPlatform(): Platform | null {
  if (process.platform === "win32") return windows;
  return process.platform === "linux" ? linux : null;
}
