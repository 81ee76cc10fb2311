/**
 * Removes exactly these snapshots: with ids, restic judges no policy. Nothing it prints then is worth reading, and 0.18
 * answers exit 0 also when the storage refused to delete, so only a new listing proves what is gone.
 */
export function forgetArgv(ids: readonly string[]): string[] {
  return ["forget", "--", ...ids];
}
