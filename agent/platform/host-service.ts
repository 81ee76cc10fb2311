import type { Directories } from "../config/directories.ts";

export interface ServicePlan {
  /** How this agent is started, up to the word `run`. */
  command: readonly string[];
  directories: Directories;
  /** Directories that the agent finds by itself. */
  defaults: Directories;
}

export type ServiceState = "running" | "stopped" | "changing" | "not installed";

/** How one operating system runs the agent from boot on. What fails throws a ConfigError that says what to do. */
export interface HostService {
  /** Puts the service there, or mends what is there, and has it start at boot; it does not start it now. */
  install(plan: ServicePlan): void;
  /** Stops and removes the service; what the agent keeps stays. */
  uninstall(): Promise<void>;
  /** Starts it, anew when it runs. */
  start(): Promise<void>;
  /** Answers when it is stopped. */
  stop(): Promise<void>;
  state(): ServiceState;
}
