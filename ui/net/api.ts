import type { Failure } from "../../protocol/failure.ts";
import { FAILURE_CODES, type FailureCode } from "../../protocol/failure.ts";
import type { Problem } from "../../protocol/api.ts";

/** A refusal of the API, with what a form needs to place it. */
export interface ApiFailure extends Failure {
  /** 0 when no answer came. */
  status: number;
  requestId?: string;
  /** For request.invalid: what is wrong with which field (a dotted path). */
  fields: Readonly<Record<string, string>>;
  retryAfterMs?: number;
}
export type Answer<T> = { ok: true; value: T } | { ok: false; failure: ApiFailure };

const CODES: ReadonlySet<string> = new Set(FAILURE_CODES);
let signedOut: () => void = () => undefined;

/** Names what happens when the server says that nobody is signed in any more. */
export function onSignedOut(run: () => void): void {
  signedOut = run;
}

function failureOf(status: number, problem: Partial<Problem> | null): ApiFailure {
  const known = typeof problem?.code === "string" && CODES.has(problem.code);
  const code: FailureCode = known ? problem.code! : status >= 500 ? "server.unavailable" : "server.internal";
  const failure: ApiFailure = {
    code,
    message: problem?.detail ?? "",
    retry: status >= 500 || status === 429,
    status,
    fields: Object.fromEntries((problem?.errors ?? []).map((e) => [e.field, e.message])),
  };
  if (problem?.requestId !== undefined) failure.requestId = problem.requestId;
  if (problem?.retryAfterMs !== undefined) failure.retryAfterMs = problem.retryAfterMs;
  return failure;
}

/** The one way to the server: JSON in, JSON or a typed refusal out; never throws for what the network does. */
export async function call<T>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
): Promise<Answer<T>> {
  try {
    const response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json: unknown = text === "" ? undefined : JSON.parse(text);
    if (response.ok) return { ok: true, value: json as T };
    const failure = failureOf(response.status, (json ?? null) as Partial<Problem> | null);
    if (failure.code === "auth.required") signedOut();
    return { ok: false, failure };
  } catch {
    // No connection, or an answer that is not ours (a proxy's page): the server itself did not answer.
    return { ok: false, failure: failureOf(0, { code: "server.unavailable" }) };
  }
}

/** `path?a=1&b=2` of what is defined. */
export function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}
