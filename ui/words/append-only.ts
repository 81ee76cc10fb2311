import type { RepositoryResource } from "../../protocol/api.ts";

/** Whether the storage lets data be deleted, and what deletes all the same. */
export function appendOnlyText(repository: Pick<RepositoryResource, "appendOnly" | "admin">): string {
  const { appendOnly, admin } = repository;
  if (appendOnly === undefined) return "unknown";
  if (!appendOnly) return "no";
  return admin === undefined ? "yes, so nothing can be pruned" : "yes, prune uses the admin credential";
}
