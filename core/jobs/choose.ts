import { fail, ok, type Result } from "../../protocol/failure.ts";

interface Schedule {
  id: string;
  name: string;
  enabled: boolean;
  manual: boolean;
}

/** Names shown when several schedules come into question; more would not help anyone choose. */
const NAMES_SHOWN = 10;

/**
 * The schedule that Run now takes: the one asked for, else the only enabled manual one, else the only enabled one. A
 * guess is never made: with several left it fails with schedule.choose, their names in `detail`.
 */
export function chooseSchedule<S extends Schedule>(schedules: readonly S[], askedId: string | undefined): Result<S> {
  if (askedId !== undefined) {
    const asked = schedules.find((schedule) => schedule.id === askedId);
    if (!asked) return fail("host.no_schedule", "This host has no such schedule. Reload the page and choose again.");
    if (!asked.enabled)
      return fail("host.no_schedule", `The schedule ${asked.name} is switched off. Switch it on first.`);
    return ok(asked);
  }
  const enabled = schedules.filter((schedule) => schedule.enabled);
  const manual = enabled.filter((schedule) => schedule.manual);
  const [only, ...others] = manual.length === 1 ? manual : enabled;
  if (!only)
    return fail("host.no_schedule", "This host has no schedule that is switched on, so there is nothing to run.");
  if (others.length === 0) return ok(only);
  const names = enabled.map((schedule) => schedule.name);
  const more = names.length - NAMES_SHOWN;
  return fail("schedule.choose", "This host has several schedules. Say which one to run.", {
    detail: `Choose one of: ${names.slice(0, NAMES_SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""}.`,
  });
}

/** The repository a job takes: the one asked for, else the host's only one. request.invalid is about `repositoryId`. */
export function chooseRepository<R extends { id: string }>(
  repositories: readonly R[],
  askedId: string | undefined,
): Result<R> {
  if (askedId !== undefined) {
    const asked = repositories.find((repository) => repository.id === askedId);
    return asked ? ok(asked) : fail("request.invalid", "this host has no such repository");
  }
  const [only, ...others] = repositories;
  if (!only) return fail("repository.credentials_missing", "This host has no repository. Add it again with one.");
  if (others.length > 0) return fail("request.invalid", "this host has several repositories: say which one");
  return ok(only);
}
