/** What must not leave in a log line: our own tokens, credentials in URLs, and fields whose name says secret. */

// Not rmb_: the set-up token is there to be read in the log, once, by whoever may read it.
const TOKEN = /rm[sath]_[A-Za-z0-9_-]{16,}/g;
const USER_PART = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi;
const BEARER = /\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}/gi;
const SECRET_NAME = /pass(word|phrase)?$|secret|token$|^authorization$|cookie$|^bearer$|private_?key$/i;
const MAX_DEPTH = 6;

/** `text` with every token, URL user part and credential header replaced. */
export function redactText(text: string): string {
  return text
    .replace(TOKEN, (token) => `${token.slice(0, 4)}[redacted]`)
    .replace(USER_PART, "$1[redacted]@")
    .replace(BEARER, "$1 [redacted]");
}

/**
 * An error for the log: its stack, then its causes. A failed query (drizzle: `query` and `params`) says its statement
 * and its cause only, because its message holds every value that was bound.
 */
function describeError(error: Error, depth: number): string {
  const isQuery = "query" in error && "params" in error;
  const own = isQuery ? `Failed query: ${String(error.query)}` : (error.stack ?? String(error));
  if (!(error.cause instanceof Error) || depth >= MAX_DEPTH) return own;
  return `${own}\nCaused by: ${describeError(error.cause, depth + 1)}`;
}

/** A copy of `value` fit for a log: strings pass `redactText`, values of secret-named fields go, depth is bounded. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (value instanceof Error) return redactText(describeError(value, depth));
  if (typeof value !== "object" || value === null) return typeof value === "bigint" ? String(value) : value;
  if (depth >= MAX_DEPTH) return "[deep]";
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      SECRET_NAME.test(name) && typeof item !== "boolean" ? "[redacted]" : redact(item, depth + 1),
    ]),
  );
}
