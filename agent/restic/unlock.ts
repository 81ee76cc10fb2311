/** Removes stale locks only: a live process on this host, or any on another, keeps its own. */
export const unlockArgv: readonly string[] = ["unlock"];

/** Removes every lock, also those a live restic holds. */
export const unlockAllArgv: readonly string[] = ["unlock", "--remove-all"];
