import { runtimeOf, type WorkerEnv } from "../worker/runtime-on-workers.ts";
import { fleetFeedObject, hostRelayObject, pendingRelayObject } from "./objects.ts";
import { createOutside } from "./outside.ts";

/** The classes that wrangler.toml names, on the bindings of the Worker. */
export class HostRelayObject extends hostRelayObject((env: WorkerEnv) => createOutside(runtimeOf(env))) {}
export class PendingRelayObject extends pendingRelayObject((env: WorkerEnv) => createOutside(runtimeOf(env))) {}
export class FleetFeedObject extends fleetFeedObject((env: WorkerEnv) => runtimeOf(env)) {}
