import { fail, ok, type Failure, type Result } from "../../protocol/failure.ts";
import type { HostPolicy, SealedHooks } from "../../protocol/schedule.ts";
import type { Envelope } from "../../protocol/sealed.ts";
import type { BackupSpec, JobSpec, Refused, WireRepository, WireSchedule } from "../../protocol/wire.ts";
import { clipText } from "../restic/clean-text.ts";
import type { JudgedSet } from "./judged-under.ts";
import { judgePaths } from "./paths.ts";
import { RealPaths } from "./real-paths.ts";
import { forbidden, hookRefusal, setCommand, type PolicyCommand } from "./refusals.ts";
import type { RepositoryPin } from "./repository-pin.ts";

export interface HostRulesOptions {
  policy(): Result<HostPolicy>;
  pin: RepositoryPin;
  command: PolicyCommand;
  /** Opens hooks that were sealed to this host for a schedule. */
  openHooks(scheduleId: string, sealed: Envelope): Result<SealedHooks>;
  /** Where a repository lies; fails when this host holds no credentials that say so. */
  addressOf(repositoryId: string): Result<string>;
  realPaths?: RealPaths;
}

/** A job as the host lets it run. */
export interface AllowedJob {
  /** As asked, with the denied folders below its paths excluded. */
  spec: JobSpec;
  hooks: SealedHooks | null;
  /** What was changed, for the log. */
  notes: string[];
}

/** What root of this host allows, applied to everything the server sends and to every job before it runs. */
export class HostRules {
  readonly #options: HostRulesOptions;
  readonly #realPaths: RealPaths;

  constructor(options: HostRulesOptions) {
    this.#options = options;
    this.#realPaths = options.realPaths ?? new RealPaths();
  }

  /**
   * Fails with policy.unreadable, policy.forbidden and the command that would allow it, hook.failed,
   * backup.source_missing where a file system does not answer, or with what keeps the host from knowing where the
   * repository lies.
   */
  async judgeJob(spec: JobSpec, lent: WireRepository | null): Promise<Result<AllowedJob>> {
    const policy = this.#options.policy();
    if (!policy.ok) return policy;
    if (lent && !mayBeLent(spec, lent)) {
      const why = "A credential was lent for a job that takes none: only forget and prune of its own repository do.";
      return fail("job.spec_invalid", why);
    }
    const refusal = this.#repositoryRefusal(spec.repositoryId, lent, policy.value);
    if (refusal) return refusal;
    if (spec.kind === "prune" && !policy.value.allowPrune)
      return forbidden(
        "The policy of this host allows no prune.",
        setCommand(this.#options.command, "allow_prune", "true"),
      );
    if (spec.kind !== "backup") return ok({ spec, hooks: null, notes: [] });
    const judged = await this.#judgeBackup(spec.scheduleId, spec.paths, spec.hooks, policy.value);
    if (!judged.ok) return judged;
    const { hooks, excludes } = judged.value;
    return ok({
      spec: { ...spec, excludes: [...spec.excludes, ...excludes] },
      hooks,
      notes: excludes.map((pattern) => `The policy of this host denies ${pattern}, which is left out`),
    });
  }

  /** The hooks of a backup as this host lets them run, whatever else of it may not; null without any. */
  judgeHooks(spec: BackupSpec): Result<SealedHooks | null> {
    const policy = this.#options.policy();
    return policy.ok ? this.#openAllowed(spec.scheduleId, spec.hooks, policy.value) : policy;
  }

  /**
   * Why a schedule cannot run here; null when it can, or when that cannot be told now (no readable policy, a file system
   * that does not answer) and each job says so.
   */
  async scheduleRefusal(schedule: WireSchedule): Promise<Failure | null> {
    const policy = this.#options.policy();
    if (!policy.ok || schedule.kind !== "backup") return null;
    const judged = await this.#judgeBackup(schedule.id, schedule.paths, schedule.hooks, policy.value);
    return judged.ok || judged.failure.retry ? null : judged.failure;
  }

  /**
   * Which of these repositories no job may use here, by where they lie (`destinationOf`); the first set ever is pinned.
   * None while the policy cannot be read, when each job says so. Throws the system's error when the pin cannot be kept.
   */
  refusedDestinations(repositories: readonly { repositoryId: string; address: string }[]): Refused[] {
    const policy = this.#options.policy();
    if (!policy.ok) return [];
    const { pin, command } = this.#options;
    if (policy.value.allowRepositories === "first") pin.pinFirst(repositories.map(({ address }) => address));
    return repositories.flatMap(({ repositoryId, address }) => {
      const refusal = pin.refusal(address, policy.value, command);
      return refusal
        ? [{ id: repositoryId, code: refusal.failure.code, message: clipText(refusal.failure.message) }]
        : [];
    });
  }

  /** Changes whenever the judgement of a set of the server may come out otherwise. */
  fingerprint(set: JudgedSet): string {
    const policy = this.#options.policy();
    if (!policy.ok) return policy.failure.message;
    return JSON.stringify(set === "config" ? [policy.value, this.#options.pin.addresses()] : policy.value);
  }

  #repositoryRefusal(
    repositoryId: string,
    lent: WireRepository | null,
    policy: HostPolicy,
  ): ReturnType<typeof fail> | null {
    const { pin, command } = this.#options;
    // What is lent receives no data: only a list binds it.
    if (lent) return policy.allowRepositories === "first" ? null : pin.refusal(lent.address, policy, command);
    const address = this.#options.addressOf(repositoryId);
    return address.ok ? pin.refusal(address.value, policy, command) : address;
  }

  async #judgeBackup(
    scheduleId: string,
    paths: readonly string[],
    sealed: Envelope | undefined,
    policy: HostPolicy,
  ): Promise<Result<{ hooks: SealedHooks | null; excludes: string[] }>> {
    const judged = await judgePaths(paths, policy, this.#options.command, this.#realPaths);
    if (!judged.ok) return judged;
    const opened = this.#openAllowed(scheduleId, sealed, policy);
    return opened.ok ? ok({ hooks: opened.value, excludes: judged.value.excludes }) : opened;
  }

  #openAllowed(scheduleId: string, sealed: Envelope | undefined, policy: HostPolicy): Result<SealedHooks | null> {
    if (!sealed) return ok(null);
    const opened = this.#options.openHooks(scheduleId, sealed);
    if (!opened.ok) return opened;
    const { pre, post } = opened.value;
    const kinds = [pre, post].flatMap((hook) => (hook ? [hook.kind] : []));
    return hookRefusal(policy, kinds, this.#options.command) ?? opened;
  }
}

/**
 * What is lent goes around the pin, so it must never come to where data is sent: it only opens what deletes, in the
 * repository that the job names.
 */
function mayBeLent(spec: JobSpec, lent: WireRepository): boolean {
  const deletes = spec.kind === "forget" || spec.kind === "prune";
  return deletes && lent.purpose === "admin" && lent.repositoryId === spec.repositoryId;
}
