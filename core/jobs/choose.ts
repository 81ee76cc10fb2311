import { fail, ok, type Result } from "../../protocol/failure.ts";

interface Schedule {
  id: string;
  name: string;
  enabled: boolean;
}

/** The schedule that Run now takes: the one asked for, else the only enabled one. A guess is never made. */
export function chooseSchedule<S extends Schedule>(schedules: readonly S[], askedId: string | undefined): Result<S> {
  if (askedId !== undefined) {
    const asked = schedules.find((schedule) => schedule.id === askedId);
    if (!asked) return fail("host.no_schedule", "This host has no such schedule. Reload the page and choose again.");
    if (!asked.enabled)
      return fail("host.no_schedule", `The schedule ${asked.name} is switched off. Switch it on first.`);
    return ok(asked);
  }
  const [only, ...others] = schedules.filter((schedule) => schedule.enabled);
  if (!only)
    return fail("host.no_schedule", "This host has no schedule that is switched on, so there is nothing to back up.");
  if (others.length > 0) return fail("host.no_schedule", "This host has several schedules. Say which one to run.");
  return ok(only);
}

/** The repository a job takes: the one asked for, else the host's only one. */
export function chooseRepository<R extends { id: string }>(
  repositories: readonly R[],
  askedId: string | undefined,
): Result<R> {
  if (askedId !== undefined) {
    const asked = repositories.find((repository) => repository.id === askedId);
    return asked ? ok(asked) : fail("request.invalid", "repositoryId: this host has no such repository.");
  }
  const [only, ...others] = repositories;
  if (!only) return fail("repository.credentials_missing", "This host has no repository. Add it again with one.");
  if (others.length > 0)
    return fail("request.invalid", "repositoryId: this host has several repositories. Say which one.");
  return ok(only);
}
