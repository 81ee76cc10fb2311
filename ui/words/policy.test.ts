import { expect, test } from "vitest";
import type { HostPolicy } from "../../protocol/schedule.ts";
import { pathRefusals, policyCommand } from "./policy.ts";

const policy: HostPolicy = {
  allowHooks: "named",
  hooks: [],
  allowPaths: ["/srv", "/home"],
  denyPaths: ["/srv/secret", "/srv/it's"],
  allowRestore: "staging",
  restoreRoots: [],
  allowPrune: true,
  keepAtLeast: 3,
  maxShare: 0.5,
  allowRepositories: "first",
};

test("a path outside what the host allows is refused with the one command that would allow it", () => {
  expect(pathRefusals(policy, ["/srv/data", "/srvx", "/etc"])).toEqual([
    "The policy of this host does not allow /srvx and /etc to be backed up. To allow it, run on the host: " +
      "sudo restic-manager-agent policy set allow_paths /srv /home /srvx /etc",
  ]);
  expect(pathRefusals({ ...policy, allowPaths: null }, ["/etc"])).toEqual([]);
  expect(pathRefusals(undefined, ["/etc"])).toEqual([]);
});

test("a denied folder is refused itself, while one below a path is only left out", () => {
  expect(pathRefusals(policy, ["/srv"])).toEqual([]);
  expect(pathRefusals(policy, ["/srv/secret/a"])[0]).toMatch(/policy set deny_paths '\/srv\/it'\\''s'$/);
  expect(policyCommand("deny_paths")).toMatch(/deny_paths none$/);
});
