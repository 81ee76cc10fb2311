import type { RepositoryLock } from "../../protocol/wire.ts";
import { whenText } from "./time.ts";

/** "web-eu-2, process 4121, since Sun 11:40 (exclusive)". */
export function lockText(lock: RepositoryLock, nowMs: number): string {
  const shared = lock.exclusive ? "exclusive" : "shared";
  return `${lock.hostname}, process ${lock.pid}, since ${whenText(lock.timeMs, nowMs)} (${shared})`;
}
