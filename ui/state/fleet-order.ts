import type { HostResource, HostStatus } from "../../protocol/api.ts";

export const FILTERS = ["at-risk", "offline", "new", "protected"] as const;
export type Filter = (typeof FILTERS)[number];
export const SORTS = ["status", "name", "last", "next", "size", "snapshots"] as const;
export type Sort = (typeof SORTS)[number];

/** What the fleet table shows and in which order; it lives in the page's URL. */
export interface FleetView {
  filter: Filter | null;
  tag: string | null;
  /** Part of a name or tag, any case. */
  text: string;
  sort: Sort;
  descending: boolean;
}

const RANK: Record<HostStatus, number> = { failing: 0, late: 1, warnings: 2, offline: 3, new: 4, protected: 5 };

/** Which of the dashboard's counts a host belongs to. */
export function filterOf(status: HostStatus): Filter {
  return status === "offline" || status === "new" || status === "protected" ? status : "at-risk";
}

function shows(view: FleetView, host: HostResource): boolean {
  if (view.filter !== null && filterOf(host.status) !== view.filter) return false;
  if (view.tag !== null && !host.tags.includes(view.tag)) return false;
  const text = view.text.toLowerCase();
  return text === "" || host.name.toLowerCase().includes(text) || host.tags.some((t) => t.toLowerCase().includes(text));
}

const KEY: Record<Sort, (host: HostResource) => number> = {
  status: (host) => RANK[host.status],
  name: () => 0,
  last: (host) => host.lastBackupAtMs ?? 0,
  // Hosts that only run by hand come after all that have a plan.
  next: (host) => host.nextDueAtMs ?? Number.MAX_SAFE_INTEGER,
  size: (host) => host.sizeBytes ?? -1,
  snapshots: (host) => host.snapshotCount,
};

/** The hosts a view shows, in order; equal ones by name, then id, so that rows do not jump. */
export function orderHosts(hosts: readonly HostResource[], view: FleetView): HostResource[] {
  const key = KEY[view.sort];
  const sign = view.descending ? -1 : 1;
  const byName = (a: HostResource, b: HostResource) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1;
  return hosts
    .filter((host) => shows(view, host))
    .sort((a, b) => (view.sort === "name" ? sign * byName(a, b) : sign * (key(a) - key(b)) || byName(a, b)));
}

/** Every tag of the fleet, the most used first. */
export function fleetTags(hosts: readonly HostResource[]): string[] {
  const uses = new Map<string, number>();
  for (const host of hosts) for (const tag of host.tags) uses.set(tag, (uses.get(tag) ?? 0) + 1);
  return [...uses].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([tag]) => tag);
}

type Query = Readonly<Record<string, string | undefined>>;

export function viewOf(query: Query): FleetView {
  const sort = query["sort"]?.replace(/^-/, "");
  return {
    filter: FILTERS.find((f) => f === query["status"]) ?? null,
    tag: query["tag"] || null,
    text: query["q"] ?? "",
    sort: SORTS.find((s) => s === sort) ?? "status",
    descending: query["sort"]?.startsWith("-") ?? false,
  };
}

/** The fleet's address with this view; defaults are left out. */
export function addressOf(view: FleetView): string {
  const query = new URLSearchParams();
  if (view.filter !== null) query.set("status", view.filter);
  if (view.tag !== null) query.set("tag", view.tag);
  if (view.text !== "") query.set("q", view.text);
  if (view.sort !== "status" || view.descending) query.set("sort", `${view.descending ? "-" : ""}${view.sort}`);
  const text = query.toString();
  return text === "" ? "/" : `/?${text}`;
}
