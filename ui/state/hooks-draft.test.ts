import { expect, test } from "vitest";
import type { Hooks } from "../../protocol/schedule.ts";
import { hooksDraftOf, hooksFieldOf, readHooks, sameHooks } from "./hooks-draft.ts";

test("hooks shown in their fields and read back are the same hooks", () => {
  const all: (Hooks | null)[] = [
    null,
    { timeoutMinutes: 15 },
    {
      pre: { kind: "named", name: "dump.sh" },
      post: { kind: "remote", text: "echo $RM_JOB_STATUS\n" },
      timeoutMinutes: 3,
    },
  ];
  for (const hooks of all) expect(readHooks(hooksDraftOf(hooks))).toEqual({ ok: true, hooks });
});

test("a hook without a script or text, and a timeout that is none, are told apart", () => {
  const draft = { ...hooksDraftOf({ timeoutMinutes: 15 }), timeoutMinutes: "0" };
  draft.pre = { kind: "named", name: " ", text: "" };
  draft.post = { kind: "remote", name: "", text: "\n" };
  const read = readHooks(draft);
  expect(read.ok).toBe(false);
  expect(!read.ok && Object.keys(read.errors).sort()).toEqual(["post", "pre", "timeoutMinutes"]);
  expect(hooksFieldOf("hooks.post.text")).toBe("post");
});

test("trying another kind and going back changes nothing", () => {
  const before = hooksDraftOf({ pre: { kind: "named", name: "a" }, timeoutMinutes: 15 });
  expect(sameHooks(before, { ...before, post: { kind: "none", name: "b", text: "c" } })).toBe(true);
  expect(sameHooks(before, { ...before, own: false })).toBe(false);
});
