import type { Problem } from "../protocol/api.ts";
import { fail, type Failure, type FailureCode } from "../protocol/failure.ts";

/** The one table from failure code to HTTP status. Codes of a job's verdict have one too: a route may pass them on. */
export const STATUS_OF: Record<FailureCode, number> = {
  "request.invalid": 422,
  "request.too_large": 413,
  "request.not_json": 400,
  "request.not_found": 404,
  "request.method_not_allowed": 405,
  "request.upgrade_required": 426,
  "request.cross_origin": 403,
  "request.misdirected": 421,
  "request.conflict": 409,
  "server.internal": 500,
  "server.unavailable": 503,
  "auth.required": 401,
  "auth.invalid_credentials": 401,
  "auth.forbidden": 403,
  "auth.slow_down": 429,
  "auth.insecure_transport": 403,
  "auth.bootstrap_invalid": 401,
  "enrollment.token_invalid": 401,
  "enrollment.proof_invalid": 401,
  "announce.too_many": 429,
  "host.not_found": 404,
  "host.offline": 409,
  "host.locked": 409,
  "host.lost": 409,
  "host.removed": 410,
  "host.no_schedule": 409,
  "schedule.not_found": 404,
  "schedule.invalid": 422,
  "schedule.changed": 409,
  "schedule.choose": 409,
  "schedule.limit": 409,
  "forget.nothing": 409,
  "forget.held": 409,
  "forget.plan_changed": 409,
  "forget.refused": 409,
  "hook.not_allowed": 409,
  "hook.unsafe": 409,
  "hook.failed": 409,
  "hook.timeout": 409,
  "policy.forbidden": 409,
  "policy.unreadable": 409,
  "protocol.too_old": 426,
  "protocol.too_new": 426,
  "protocol.unsupported": 400,
  "job.not_found": 404,
  "job.conflict": 409,
  "job.already_finished": 409,
  "job.expired": 409,
  "job.lost": 409,
  "job.interrupted": 409,
  "job.cancelled": 409,
  "job.spec_invalid": 422,
  "repository.missing": 409,
  "repository.exists": 409,
  "repository.wrong_password": 409,
  "repository.locked": 409,
  "repository.unreachable": 502,
  "repository.access_denied": 409,
  "repository.disk_full": 507,
  "repository.address_invalid": 422,
  "repository.credentials_missing": 409,
  "repository.damaged": 409,
  "repository.append_only": 409,
  "restic.not_found": 409,
  "restic.too_old": 409,
  "restic.failed": 502,
  "restic.no_summary": 502,
  "backup.source_missing": 409,
  "agent.vault_unreadable": 409,
  "agent.spool_failed": 507,
};

/** The HTTP reason phrases of the statuses above: with `about:blank` the title is the phrase (RFC 9457 section 4.2.1). */
const PHRASES: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  426: "Upgrade Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  507: "Insufficient Storage",
};

export type FieldErrors = NonNullable<Problem["errors"]>;

/** The problem document of a failure (RFC 9457). */
export function problemOf(failure: Failure & { errors?: FieldErrors }, requestId: string): Problem {
  const status = STATUS_OF[failure.code];
  const problem: Problem = {
    type: "about:blank",
    title: PHRASES[status]!,
    status,
    code: failure.code,
    detail: failure.detail === undefined ? failure.message : `${failure.message} ${failure.detail}`,
    requestId,
  };
  if (failure.errors !== undefined) problem.errors = failure.errors;
  if (failure.retryAfterMs !== undefined) problem.retryAfterMs = failure.retryAfterMs;
  return problem;
}

/** A failure as the HTTP answer it becomes; `Retry-After` is in whole seconds, rounded up (RFC 9110 section 10.2.3). */
export function problemResponse(
  failure: Failure & { errors?: FieldErrors },
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const problem = problemOf(failure, requestId);
  // RFC 9110 section 15.5.22: 426 names what to upgrade to
  const upgrade: Record<string, string> = problem.status === 426 ? { upgrade: "websocket", connection: "Upgrade" } : {};
  const retry =
    problem.retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(problem.retryAfterMs / 1000)) };
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", ...retry, ...upgrade, ...headers },
  });
}

/** What an unknown address answers; a route that has ceased to exist answers the same. */
export function notFound(): { ok: false; failure: Failure } {
  return fail("request.not_found", "There is nothing at this address.");
}
