import { expect, test } from "vitest";
import { hostForgetRefusal } from "./host-guard.ts";

const policy = { keepAtLeast: 3, maxShare: 0.5 };

test("the host lets pass what leaves enough and takes no more than its share", () => {
  expect(hostForgetRefusal(policy, 6, 3)).toBeNull();
  expect(hostForgetRefusal(policy, 100, 50)).toBeNull();
  expect(hostForgetRefusal(policy, 2, 0)).toBeNull();
});

test("a refusal names what is asked, what is allowed, and ends with the local command", () => {
  expect(hostForgetRefusal(policy, 5, 1)).toBeNull();
  expect(hostForgetRefusal({ keepAtLeast: 5, maxShare: 0.5 }, 5, 1)).toBe(
    "This host's policy forbids removing 1 snapshot of 5: it would leave 4, and at least 5 must stay. " +
      "To allow it, run on the host: sudo restic-manager-agent policy set keep_at_least 4",
  );
  expect(hostForgetRefusal(policy, 90, 60)).toBe(
    "This host's policy forbids removing 60 snapshots of 90: it would take 67 % at once, and at most 50 % may go. " +
      "To allow it, run on the host: sudo restic-manager-agent policy set max_share 0.67",
  );
});

test("where both limits stand in the way, both commands are given", () => {
  expect(hostForgetRefusal(policy, 4, 3)).toMatch(
    / sudo restic-manager-agent policy set keep_at_least 1 && sudo restic-manager-agent policy set max_share 0\.75$/,
  );
});

test("what the named commands set lets exactly that forget pass", () => {
  for (let before = 1; before <= 120; before++) {
    for (let removed = 1; removed <= before; removed++) {
      const refusal = hostForgetRefusal(policy, before, removed);
      if (refusal === null) continue;
      const keepAtLeast = Number(/keep_at_least (\S+)/.exec(refusal)?.[1] ?? policy.keepAtLeast);
      const maxShare = Number(/max_share (\S+)/.exec(refusal)?.[1] ?? policy.maxShare);
      expect(hostForgetRefusal({ keepAtLeast, maxShare }, before, removed)).toBeNull();
    }
  }
});
