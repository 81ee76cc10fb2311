const MINUTE_MS = 60_000;

/**
 * How long after its nominal time a schedule starts: whole seconds from 0 to `spreadMinutes`, in ms. It depends on the
 * id alone (FNV-1a, 32 bit, mixed as in MurmurHash3), so each schedule keeps its moment and a fleet spreads out. The
 * nominal time never holds it.
 */
export function spreadMs(scheduleId: string, spreadMinutes: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < scheduleId.length; i++) hash = Math.imul(hash ^ scheduleId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  const share = ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
  return Math.floor(share * ((spreadMinutes * MINUTE_MS) / 1000 + 1)) * 1000;
}
