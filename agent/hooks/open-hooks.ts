import * as v from "valibot";
import { openOnHost } from "../../core/secrets/to-host.ts";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import { sealedHooksSchema, type SealedHooks } from "../../protocol/schedule.ts";
import type { Envelope } from "../../protocol/sealed.ts";
import { hooksContext } from "../../protocol/wire.ts";

/** The hooks of a schedule, opened with this host's key; hook.failed when they were made for another host or schedule. */
export function openHooks(
  host: { hostId: string; sealKey: Uint8Array },
  scheduleId: string,
  sealed: Envelope,
): Result<SealedHooks> {
  const plaintext = openOnHost(host.sealKey, hooksContext(host.hostId, scheduleId), sealed);
  const parsed =
    plaintext === null ? null : v.safeParse(v.pipe(v.string(), v.parseJson(), sealedHooksSchema), plaintext);
  return parsed?.success
    ? ok(parsed.output)
    : fail("hook.failed", "The hooks were not sealed for this host and schedule. Save them again in the console.");
}
