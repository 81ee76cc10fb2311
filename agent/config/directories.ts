import { join } from "node:path";

/** Where one agent keeps what it is and what it does; several agents on a machine have several pairs. */
export interface Directories {
  config: string;
  state: string;
}

export function configFile(directories: Directories): string {
  return join(directories.config, "agent.yaml");
}
export function statePath(directories: Directories, ...names: string[]): string {
  return join(directories.state, ...names);
}
