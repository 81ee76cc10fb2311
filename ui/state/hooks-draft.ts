import * as v from "valibot";
import { hooksSchema, type Hook, type Hooks } from "../../protocol/schedule.ts";
import { sentence } from "../words/sentence.ts";

/** Hooks as they stand in their fields; a name and a text are both kept while one tries the other kind. */
export interface HookDraft {
  kind: "none" | "named" | "remote";
  name: string;
  text: string;
}
export interface HooksDraft {
  /** False: none of its own, so the host's default holds. */
  own: boolean;
  pre: HookDraft;
  post: HookDraft;
  timeoutMinutes: string;
}
export type HooksErrors = Partial<Record<"pre" | "post" | "timeoutMinutes", string>>;

const draftOfHook = (hook: Hook | undefined): HookDraft => ({
  kind: hook?.kind ?? "none",
  name: hook?.kind === "named" ? hook.name : "",
  text: hook?.kind === "remote" ? hook.text : "",
});

/** `unreadable` hooks are there, and whatever is saved replaces them: also that there are to be none. */
export function hooksDraftOf(hooks: Hooks | null, unreadable = false): HooksDraft {
  return {
    own: hooks !== null || unreadable,
    pre: draftOfHook(hooks?.pre),
    post: draftOfHook(hooks?.post),
    timeoutMinutes: String(hooks?.timeoutMinutes ?? 15),
  };
}

/** What the fields are worth: the hooks to send (null = none of its own), or what is wrong with which field. */
export function readHooks(draft: HooksDraft): { ok: true; hooks: Hooks | null } | { ok: false; errors: HooksErrors } {
  if (!draft.own) return { ok: true, hooks: null };
  const errors: HooksErrors = {};
  const given = (hook: HookDraft, field: "pre" | "post") => {
    if (hook.kind === "none") return undefined;
    if (hook.kind === "named" && hook.name.trim() === "") errors[field] = "Choose a script, or no hook.";
    if (hook.kind === "remote" && hook.text.trim() === "") errors[field] = "Write what to run, or choose no hook.";
    return hook.kind === "named"
      ? { kind: "named", name: hook.name.trim() }
      : { kind: "remote", text: hook.text.replaceAll("\r\n", "\n") };
  };
  const typed = draft.timeoutMinutes.trim();
  const parsed = v.safeParse(hooksSchema, {
    pre: given(draft.pre, "pre"),
    post: given(draft.post, "post"),
    timeoutMinutes: /^\d{1,6}$/.test(typed) ? Number(typed) : Number.NaN,
  });
  for (const issue of parsed.issues ?? []) {
    const field = hooksFieldOf(v.getDotPath(issue) ?? "");
    errors[field] ??= field === "timeoutMinutes" ? "Enter 1 to 1,440 minutes." : sentence(issue.message);
  }
  if (!parsed.success || Object.keys(errors).length > 0) return { ok: false, errors };
  return { ok: true, hooks: parsed.output };
}

/** The field that a path of the hooks' shape belongs to, with or without `hooks.` before it. */
export function hooksFieldOf(path: string): keyof HooksErrors {
  if (path.includes("post")) return "post";
  return path.includes("timeoutMinutes") ? "timeoutMinutes" : "pre";
}

/** Whether two drafts would send the same hooks. */
export function sameHooks(a: HooksDraft, b: HooksDraft): boolean {
  const [one, other] = [readHooks(a), readHooks(b)];
  if (!one.ok || !other.ok) return JSON.stringify(a) === JSON.stringify(b);
  return JSON.stringify(one.hooks) === JSON.stringify(other.hooks);
}
