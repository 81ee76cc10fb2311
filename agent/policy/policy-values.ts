import * as v from "valibot";
import type { HostPolicy } from "../../protocol/schedule.ts";
import { hostPath } from "../../protocol/scalars.ts";
import { parseAddress } from "../../protocol/repository.ts";

/** What policy.yaml says: a host's policy but for the hooks, which are files. */
export type PolicyValues = Omit<HostPolicy, "hooks">;

const paths = v.pipe(v.array(hostPath, "must be a list of absolute paths"), v.maxLength(200));
const addresses = v.pipe(
  v.array(
    v.pipe(
      v.string("must be a list of repository addresses"),
      v.check((address) => parseAddress(address).ok, "must hold repository addresses, such as rest:https://host/name"),
    ),
  ),
  v.maxLength(50),
);

/** Each key of the file, by its name there, with its default. */
const fileSchema = v.strictObject({
  allow_hooks: v.optional(v.picklist(["none", "named", "remote"], "must be none, named or remote"), "named"),
  allow_paths: v.optional(v.nullable(paths), null),
  deny_paths: v.optional(paths, []),
  allow_restore: v.optional(
    v.picklist(["none", "staging", "in_place"], "must be none, staging or in_place"),
    "staging",
  ),
  restore_roots: v.optional(paths, []),
  allow_prune: v.optional(v.boolean("must be true or false"), true),
  keep_at_least: v.optional(
    v.pipe(
      v.number("must be a whole number"),
      v.integer("must be a whole number"),
      v.minValue(0, "must not be negative"),
      v.maxValue(1_000_000, "must be at most 1,000,000"),
    ),
    3,
  ),
  max_share: v.optional(
    v.pipe(
      v.number("must be a number from 0 to 1"),
      v.minValue(0, "must be a number from 0 to 1"),
      v.maxValue(1, "must be a number from 0 to 1"),
    ),
    0.5,
  ),
  allow_repositories: v.optional(
    v.union([v.literal("first"), addresses], "must be first or a list of addresses"),
    "first",
  ),
});

export const POLICY_KEYS = Object.keys(fileSchema.entries) as (keyof typeof fileSchema.entries)[];
export type PolicyKey = (typeof POLICY_KEYS)[number];

const NOT_KEYS = "it must hold lines of the form key: value";

/** The policy that a parsed policy.yaml stands for, or a sentence about the line that is wrong. */
export function readPolicyValues(content: unknown): PolicyValues | string {
  if (Array.isArray(content)) return NOT_KEYS;
  // A file of comments alone is empty, which YAML reads as null.
  const parsed = v.safeParse(fileSchema, content ?? {}, { abortPipeEarly: true });
  if (!parsed.success) return describe(parsed.issues[0]);
  const file = parsed.output;
  return {
    allowHooks: file.allow_hooks,
    allowPaths: file.allow_paths,
    denyPaths: file.deny_paths,
    allowRestore: file.allow_restore,
    restoreRoots: file.restore_roots,
    allowPrune: file.allow_prune,
    keepAtLeast: file.keep_at_least,
    maxShare: file.max_share,
    allowRepositories: file.allow_repositories,
  };
}

function describe(issue: v.BaseIssue<unknown>): string {
  const key = String(issue.path?.[0]?.key ?? "");
  if (key === "") return NOT_KEYS;
  if (!POLICY_KEYS.some((known) => known === key))
    return `there is no key "${key.slice(0, 64)}"; the keys are ${POLICY_KEYS.join(", ")}`;
  return `${key} ${issue.message}`;
}
