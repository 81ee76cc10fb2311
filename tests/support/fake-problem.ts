import type { Failure } from "../../protocol/failure.ts";

/** A refusal as the server says it. */
export function problem(status: number, failure: Pick<Failure, "code" | "message"> & { retryAfterMs?: number }) {
  const { code, message, ...more } = failure;
  return {
    status,
    body: { type: "about:blank", title: code, status, code, detail: message, requestId: "r-1", ...more },
  };
}
