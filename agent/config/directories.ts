import { join, win32 } from "node:path";

/** Where one agent keeps what it is and what it does; several agents on a machine have several pairs. */
export interface Directories {
  config: string;
  state: string;
}

/** Where an agent on `os` (Node's process.platform) keeps both when nobody says otherwise. */
export function defaultDirectories(os: string, env: Readonly<Record<string, string | undefined>>): Directories {
  if (os !== "win32") return { config: "/etc/restic-manager", state: "/var/lib/restic-manager" };
  // One folder holds both, so that one access list protects both.
  const config = win32.join(env["ProgramData"] ?? String.raw`C:\ProgramData`, "restic-manager");
  return { config, state: win32.join(config, "state") };
}

export function configFile(directories: Directories): string {
  return join(directories.config, "agent.yaml");
}
export function statePath(directories: Directories, ...names: string[]): string {
  return join(directories.state, ...names);
}
