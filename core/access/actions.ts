import type { Role } from "../../protocol/api.ts";

/** Every action of the product and the least role that may take it. A route that names none of these does not compile. */
const LEAST_ROLE = {
  "me.read": "viewer",
  "stream.open": "viewer",
  "fleet.read": "viewer",
  "host.read": "viewer",
  "job.read": "viewer",
  "snapshot.read": "viewer",
  "session.end": "viewer",
  "token.read": "viewer",
  "token.create": "viewer",
  "token.revoke": "viewer",
  "pending.read": "viewer",
  "job.run": "operator",
  "job.cancel": "operator",
  "job.prune": "admin",
  "job.release": "admin",
  "job.unlock_all": "admin",
  "schedule.edit": "operator",
  "hook.read": "admin",
  "hook.write": "admin",
  "credential.admin": "admin",
  "host.edit": "operator",
  "host.enroll": "operator",
  "enrollment.read": "operator",
  "credential.read": "operator",
  "credential.write": "operator",
  "audit.read": "admin",
  "host.choose_machine": "admin",
  "host.delete": "admin",
  "pending.decide": "admin",
} as const satisfies Record<string, Role>;

export type Action = keyof typeof LEAST_ROLE;
export const ACTIONS = Object.keys(LEAST_ROLE) as Action[];

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** Whether `role` may take `action`: the table of action × role in one line. */
export function mayDo(role: Role, action: Action): boolean {
  return RANK[role] >= RANK[LEAST_ROLE[action]];
}
/** Whether a token or user of `role` may be made by someone of `maker`'s role: never above the maker's. */
export function mayGrant(maker: Role, role: Role): boolean {
  return RANK[role] <= RANK[maker];
}
/** The lower of two roles: a token acts with its own role capped by its owner's present one. */
export function lowerRole(a: Role, b: Role): Role {
  return RANK[a] <= RANK[b] ? a : b;
}
export function actionsOf(role: Role): Action[] {
  return ACTIONS.filter((action) => mayDo(role, action));
}
