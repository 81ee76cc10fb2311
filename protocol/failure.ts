import * as v from "valibot";

/** The closed list of failure codes. Expected failures are values that carry one of these; bugs throw. */
export const FAILURE_CODES = [
  // requests
  "request.invalid",
  "request.too_large",
  "request.not_json",
  "request.not_found",
  "request.method_not_allowed",
  "request.upgrade_required",
  "request.cross_origin",
  "request.misdirected",
  "request.conflict",
  "server.internal",
  "server.unavailable",
  // who is asking
  "auth.required",
  "auth.invalid_credentials",
  "auth.forbidden",
  "auth.slow_down",
  "auth.insecure_transport",
  "auth.bootstrap_invalid",
  // enrolment and hosts
  "enrollment.token_invalid",
  "enrollment.proof_invalid",
  "announce.too_many",
  "host.not_found",
  "host.offline",
  "host.locked",
  "host.lost",
  "host.removed",
  "host.no_schedule",
  // schedules and retention
  "schedule.not_found",
  "schedule.invalid",
  "schedule.changed",
  "schedule.choose",
  "schedule.limit",
  "forget.nothing",
  "forget.held",
  "forget.plan_changed",
  "forget.refused",
  "hook.not_allowed",
  "hook.unsafe",
  "hook.failed",
  "hook.timeout",
  "policy.forbidden",
  "policy.unreadable",
  // agent link
  "protocol.too_old",
  "protocol.too_new",
  "protocol.unsupported",
  // jobs
  "job.not_found",
  "job.conflict",
  "job.already_finished",
  "job.expired",
  "job.lost",
  "job.interrupted",
  "job.cancelled",
  "job.spec_invalid",
  // repositories and restic
  "repository.missing",
  "repository.exists",
  "repository.wrong_password",
  "repository.locked",
  "repository.unreachable",
  "repository.access_denied",
  "repository.disk_full",
  "repository.address_invalid",
  "repository.credentials_missing",
  "repository.damaged",
  "repository.append_only",
  "restic.not_found",
  "restic.too_old",
  "restic.failed",
  "restic.no_summary",
  "backup.source_missing",
  "agent.vault_unreadable",
  "agent.spool_failed",
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

export const failureSchema = v.object({
  code: v.picklist(FAILURE_CODES),
  message: v.pipe(v.string(), v.maxLength(4096)),
  /** Whether the same request may succeed later without a change. */
  retry: v.boolean(),
  detail: v.optional(v.pipe(v.string(), v.maxLength(4096))),
  /** How long to wait before the same request can succeed; becomes Retry-After. */
  retryAfterMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
});
export type Failure = v.InferOutput<typeof failureSchema>;

/** The one shape of an expected outcome. */
export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

/** A failed result; `retry` defaults to false, because most failures need a change first. */
export function fail(
  code: FailureCode,
  message: string,
  more: { retry?: boolean; detail?: string; retryAfterMs?: number } = {},
): { ok: false; failure: Failure } {
  const failure: Failure = { code, message, retry: more.retry ?? false };
  if (more.detail !== undefined) failure.detail = more.detail;
  if (more.retryAfterMs !== undefined) failure.retryAfterMs = more.retryAfterMs;
  return { ok: false, failure };
}

export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}
