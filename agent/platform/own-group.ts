/**
 * How a child is started so that `Platform.signalGroup` reaches it and what it starts, and not the agent: as the leader
 * of a process group, or on Windows with a hidden console of its own.
 */
export const OWN_GROUP = process.platform === "win32" ? { windowsHide: true } : { detached: true };
