import * as v from "valibot";
import { MAX_PATHS, MAX_STRING_BYTES } from "./limits.ts";

/** Small schemas that several messages and resources share. */
export const text = v.pipe(v.string(), v.maxLength(MAX_STRING_BYTES));
export const uuid = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, "must be a lower-case UUID"),
);
export const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
export const timeMs = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8.64e15));
export const snapshotId = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be 64 hex digits"));
/** base64url without padding. */
export const base64url = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]*$/, "must be base64url"), v.maxLength(128 * 1024));
/** 32 bytes in base64url. */
export const key32 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/, "must be 32 bytes in base64url"));
export const signature64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{86}$/, "must be 64 bytes in base64url"));

// oxlint-disable-next-line no-control-regex -- control characters are what the rule refuses
const noControl = v.regex(/^[^\u0000-\u001f\u007f]*$/, "must not contain control characters");

/** A name people give: shown as text everywhere, so only control characters are refused. */
export const displayName = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1, "must not be empty"),
  v.maxLength(128, "must be at most 128 characters"),
  noControl,
);
/**
 * A tag that people give, as restic accepts it: commas separate tags in restic's own flags. Those of restic-manager say
 * to which schedule a snapshot belongs (`rm:schedule:<id>`): nobody else's may, or a retention would take it for its own.
 */
export const tag = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1, "must not be empty"),
  v.maxLength(64, "must be at most 64 characters"),
  noControl,
  v.regex(/^[^,-][^,]*$/, "must not contain a comma or begin with -"),
  v.regex(/^(?!rm:)/, "must not begin with rm:, which is kept for restic-manager's own tags"),
);
export const tags = v.pipe(v.array(tag), v.maxLength(32, "must be at most 32 tags"));

/**
 * An absolute path of a host: POSIX, drive letter or UNC. A path that begins with `-` is not absolute, so it never
 * reaches restic; the agent puts `--` before paths all the same.
 */
export const hostPath = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(4096, "must be at most 4,096 characters"),
  // oxlint-disable-next-line no-control-regex -- NUL and newlines cannot be told apart in restic's text output
  v.regex(/^[^\u0000-\u001f]*$/, "must not contain control characters"),
  v.regex(/^(\/|[A-Za-z]:[\\/]|\\\\[^\\])/, "must be an absolute path, such as /srv or C:\\Data"),
);
export const hostPaths = v.pipe(
  v.array(hostPath),
  v.minLength(1, "needs at least one path"),
  v.maxLength(MAX_PATHS, "must be at most 500 paths; name a folder above them instead"),
);
/** One exclude pattern (restic manual, "Excluding Files"); each goes on a line of its own in a file. */
export const excludePattern = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(4096, "must be at most 4,096 characters"),
  noControl,
);
export const excludes = v.pipe(v.array(excludePattern), v.maxLength(MAX_PATHS, "must be at most 500 patterns"));
