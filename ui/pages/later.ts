/** The pages behind the dashboard: one script, loaded when the first of them is opened. */
export { AddHostPage } from "./add-host.ts";
export { AuditPage } from "./audit.ts";
export { HostPage } from "./host.ts";
export { JobPage } from "./job.ts";
export { SetupPage } from "./setup.ts";
export { WaitForHostPage } from "./wait-for-host.ts";
