import * as v from "valibot";
import { MAX_BODY_BYTES } from "../protocol/limits.ts";
import { fail, ok, type Failure } from "../protocol/failure.ts";
import type { FieldErrors } from "./problem.ts";

/** What a client may send: parsed at the edge once, trusted inside. */

const MAX_JSON_DEPTH = 32;

export type Parsed<T> = { ok: true; value: T } | { ok: false; failure: Failure & { errors?: FieldErrors } };

function invalid(errors: FieldErrors): { ok: false; failure: Failure & { errors: FieldErrors } } {
  const fields = errors.map((e) => (e.field === "" ? e.message : `${e.field}: ${e.message}`)).join("; ");
  const detail = `The request does not fit. ${fields}`.slice(0, 2000);
  return { ok: false, failure: { code: "request.invalid", message: detail, retry: false, errors } };
}

/** request.invalid for one field that its schema could not judge. `message` has no field name and begins small. */
export function invalidField(field: string, message: string): { ok: false; failure: Failure } {
  return invalid([{ field, message }]);
}

/** The bytes of a body, refused as soon as it is known to be over `maxBytes`, whatever its declared length says. */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | "too large"> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return "too large";
  if (!request.body) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    sizeBytes += value.byteLength;
    if (sizeBytes > maxBytes) {
      await reader.cancel();
      return "too large";
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/**
 * Refuses what no schema sees: keys that name something every object has (`__proto__`, `constructor`), nesting beyond
 * 32 and text that is not Unicode. Iterative, so that depth cannot exhaust the stack.
 */
function checkShape(root: unknown): FieldErrors {
  const errors: FieldErrors = [];
  const open: { value: unknown; path: string; depth: number }[] = [{ value: root, path: "", depth: 0 }];
  for (let next = open.pop(); next !== undefined && errors.length < 10; next = open.pop()) {
    const { value, path, depth } = next;
    if (typeof value === "string") {
      if (/\p{Surrogate}/u.test(value)) errors.push({ field: path, message: "must be Unicode text" });
    } else if (typeof value === "object" && value !== null) {
      if (depth >= MAX_JSON_DEPTH) {
        errors.push({ field: "", message: `nested deeper than ${MAX_JSON_DEPTH} levels` });
        break;
      }
      for (const key of Object.keys(value)) {
        const field = path === "" ? key : `${path}.${key}`;
        if (!Array.isArray(value) && (key in Object.prototype || key === "prototype")) {
          errors.push({ field: field.slice(0, 200), message: "is not a known field" });
        } else {
          open.push({ value: (value as Record<string, unknown>)[key], path: field.slice(0, 200), depth: depth + 1 });
        }
      }
    }
  }
  return errors;
}

/** Valibot's own messages quote the value received, which may be a secret: ours never do. */
function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === "schema" && issue.expected === "never") return "is not a known field";
  if (issue.input === undefined && issue.kind === "schema") return "is required";
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  if (issue.kind === "schema") return `must be ${issue.expected ?? "of another type"}`;
  if (issue.type === "max_length" || issue.type === "max_value") return `must be at most ${String(issue.requirement)}`;
  if (issue.type === "min_length" || issue.type === "min_value") return `must be at least ${String(issue.requirement)}`;
  return "has the wrong form";
}

/** `input` as the schema's output, or request.invalid that names each field. */
export function parseInput<S extends v.GenericSchema>(schema: S, input: unknown): Parsed<v.InferOutput<S>> {
  const shape = checkShape(input);
  if (shape.length > 0) return invalid(shape);
  // To valibot a list is an object too, and one without fields.
  if (Array.isArray(input)) return invalid([{ field: "", message: "must be an object" }]);
  const parsed = v.safeParse(schema, input);
  if (parsed.success) return ok(parsed.output);
  return invalid(
    parsed.issues.slice(0, 20).map((issue) => ({
      field: (v.getDotPath(issue) ?? "").slice(0, 200),
      message: messageOf(issue),
    })),
  );
}

/** The JSON body of a request: UTF-8, at most 1 MiB, declared as JSON. */
export async function readJson(request: Request): Promise<Parsed<unknown>> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type !== "application/json") {
    return fail("request.not_json", "Send the body as JSON, with the header Content-Type: application/json.");
  }
  const bytes = await readBytes(request, MAX_BODY_BYTES);
  if (bytes === "too large") return fail("request.too_large", "The body is over 1 MiB.");
  try {
    return ok(JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)) as unknown);
  } catch {
    return fail("request.not_json", "The body is not JSON in UTF-8.");
  }
}

/** The query string as an object of texts; a name given twice is refused. */
export function readQuery(url: URL): Parsed<unknown> {
  const query: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of url.searchParams) {
    if (Object.hasOwn(query, name)) return invalid([{ field: name.slice(0, 200), message: "is given twice" }]);
    query[name] = value;
  }
  return ok(query);
}
