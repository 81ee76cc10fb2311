/** Removes stale locks only: a live process on this host, or any on another, keeps its own. */
export const unlockArgv: readonly string[] = ["unlock"];
