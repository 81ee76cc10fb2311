import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import type { HostPolicy, SealedHooks } from "../../protocol/schedule.ts";
import type { BackupSpec, JobSpec, WireRepository } from "../../protocol/wire.ts";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { HostRules } from "./host-rules.ts";
import { readPolicyValues } from "./policy-values.ts";
import { RealPaths } from "./real-paths.ts";
import { RepositoryPin } from "./repository-pin.ts";

const id = (n: number) => `0198c2f0-79b0-7000-8000-00000000000${n}`;
const sealed = { v: 1, recipient: "host", ephemeral: "A".repeat(43), nonce: "A".repeat(32), ct: "AAAA" } as const;
const defaults = readPolicyValues(null);

let folder: string;
let policy: Result<HostPolicy>;
let hooks: Result<SealedHooks>;
let address: string;
let pin: RepositoryPin;
let rules: HostRules;
beforeEach(() => {
  folder = temporaryFolder("rules");
  mkdirSync(join(folder, "data/secret"), { recursive: true });
  if (typeof defaults === "string") throw new Error(defaults);
  policy = ok({ ...defaults, hooks: [] });
  hooks = fail("hook.failed", "none");
  address = "rest:https://backup/a";
  pin = new RepositoryPin(join(folder, "repositories.json"));
  rules = new HostRules({
    policy: () => policy,
    pin,
    command: { configDirectory: null, stateDirectory: null },
    openHooks: () => hooks,
    addressOf: () => ok(address),
  });
});
afterEach(() => removeFolder(folder));

const allow = (more: Partial<HostPolicy>) => {
  if (policy.ok) policy = ok({ ...policy.value, ...more });
};
const backup = (more: Partial<BackupSpec> = {}): BackupSpec => ({
  kind: "backup",
  repositoryId: id(1),
  scheduleId: id(2),
  paths: [join(folder, "data")],
  excludes: ["*.tmp"],
  tags: [],
  createRepository: false,
  verbose: false,
  limits: {},
  ...more,
});
const judged = async (spec: JobSpec, lent: WireRepository | null = null) => {
  const outcome = await rules.judgeJob(spec, lent);
  return outcome.ok ? "allowed" : outcome.failure.message;
};
const credential = (n: number, to: string): WireRepository => ({
  repositoryId: id(n),
  address: to,
  purpose: "write",
  sealed,
  version: 1,
});

test("a path outside the allowed ones is refused with the command that would allow it, links resolved", async () => {
  allow({ allowPaths: [join(folder, "data")] });
  mkdirSync(join(folder, "database"));
  symlinkSync(join(folder, "database"), join(folder, "data/link"));
  expect(await judged(backup())).toBe("allowed");
  expect(await judged(backup({ paths: [join(folder, "data/secret")] }))).toBe("allowed");
  for (const path of [join(folder, "database"), join(folder, "data/link/deep"), "/"])
    expect(await judged(backup({ paths: [path] }))).toContain(`does not allow ${path} to be backed up`);
  expect(await judged(backup({ paths: [join(folder, "database")] }))).toContain(
    `run on the host: sudo restic-manager-agent policy set allow_paths ${join(folder, "data")} ${join(folder, "database")}`,
  );
});

test("a denied path is refused, and one below a backup's path is left out by a pattern of its own", async () => {
  mkdirSync(join(folder, "data/odd [name]*"));
  allow({ denyPaths: [join(folder, "data/secret"), join(folder, "data/odd [name]*")] });
  expect(await judged(backup({ paths: [join(folder, "data/secret/deep")] }))).toContain(
    `sudo restic-manager-agent policy set deny_paths '${join(folder, "data/odd [name]*")}'`,
  );
  symlinkSync(join(folder, "data"), join(folder, "way"));
  const outcome = await rules.judgeJob(backup({ paths: [join(folder, "way")] }), null);
  expect(outcome).toMatchObject({
    ok: true,
    value: { spec: { excludes: ["*.tmp", join(folder, "way/secret"), `${folder}/way/odd \\[name]\\*`] } },
  });
  allow({ denyPaths: [join(folder, "data")] });
  expect(await judged(backup())).toContain("policy set deny_paths none");
});

test("a path means to the policy what it means to restic, which leaves .. out before it follows links", async () => {
  mkdirSync(join(folder, "data/a/b/c"), { recursive: true });
  mkdirSync(join(folder, "secret"));
  symlinkSync(join(folder, "data/a/b/c"), join(folder, "data/link"));
  allow({ allowPaths: [join(folder, "data")] });
  // By the kernel data/a/b/secret, by restic the folder's own.
  expect(await judged(backup({ paths: [`${folder}/data/link/../../secret`] }))).toContain("does not allow");
  allow({ allowPaths: null, denyPaths: [join(folder, "data/secret")] });
  expect(await judged(backup({ paths: [`${folder}/data/link/../secret`] }))).toContain("denies");
  const outcome = await rules.judgeJob(backup({ paths: [`${folder}/data/link/../`] }), null);
  expect(outcome).toMatchObject({ ok: true, value: { spec: { excludes: ["*.tmp", join(folder, "data/secret")] } } });
});

test("hooks run as far as the host allows them", async () => {
  const named = { kind: "named", name: "dump" } as const;
  const remote = { kind: "remote", text: "true" } as const;
  const spec = backup({ hooks: sealed });
  hooks = ok({ pre: named, timeoutMinutes: 15, shell: "/bin/sh" });
  expect(await judged(spec)).toBe("allowed");
  allow({ allowHooks: "none" });
  expect(await judged(spec)).toContain("sudo restic-manager-agent policy set allow_hooks named");
  allow({ allowHooks: "named" });
  hooks = ok({ pre: named, post: remote, timeoutMinutes: 15, shell: "/bin/sh" });
  expect(await judged(spec)).toContain("sudo restic-manager-agent policy set allow_hooks remote");
  allow({ allowHooks: "remote" });
  expect(await judged(spec)).toBe("allowed");
});

test("prune runs where the host allows it", async () => {
  const prune: JobSpec = { kind: "prune", repositoryId: id(1), limits: {} };
  expect(await judged(prune)).toBe("allowed");
  allow({ allowPrune: false });
  expect(await judged(prune)).toContain("sudo restic-manager-agent policy set allow_prune true");
});

test("the first addresses are pinned; another one, or another repository, waits for root", async () => {
  expect(rules.refusedDestinations([credential(1, "rest:https://backup/a"), credential(2, "/srv/b")])).toEqual([]);
  expect(rules.refusedDestinations([credential(1, "rest:https://evil/a"), credential(2, "/srv/b")])).toMatchObject([
    {
      id: id(1),
      code: "policy.forbidden",
      message: expect.stringContaining(
        "sudo restic-manager-agent policy allow-repository rest:https://evil/a",
      ) as string,
    },
  ]);
  address = "rest:https://evil/a";
  expect(await judged(backup())).toContain("does not allow the repository rest:https://evil/a");
  pin.add(address);
  expect(await judged(backup())).toBe("allowed");
});

test("an administrator's credential is judged by a list, and not by what came first", async () => {
  rules.refusedDestinations([credential(1, "rest:https://backup/a")]);
  const lent = { ...credential(1, "rest:https://admin/a"), purpose: "admin" } as const;
  const prune: JobSpec = { kind: "prune", repositoryId: id(1), limits: {} };
  expect(await judged(prune, lent)).toBe("allowed");
  allow({ allowRepositories: ["rest:https://backup/a"] });
  expect(await judged(prune, lent)).toContain("allow-repository rest:https://admin/a");
  expect(await judged(prune)).toBe("allowed");
});

test("what is lent opens only what deletes: no data goes where it points, and no repository is made there", async () => {
  rules.refusedDestinations([credential(1, "rest:https://backup/a")]);
  const elsewhere = { ...credential(1, "rest:https://evil/a"), purpose: "admin" } as const;
  const others: JobSpec[] = [
    backup({ createRepository: true }),
    { kind: "init", repositoryId: id(1) },
    { kind: "stats", repositoryId: id(1) },
    { kind: "snapshots", repositoryId: id(1) },
    { kind: "unlock", repositoryId: id(1), removeAll: true },
    { kind: "check", repositoryId: id(1), readData: { mode: "none" }, limits: {} },
  ];
  for (const spec of others) expect(await judged(spec, elsewhere)).toContain("takes none");
  const prune: JobSpec = { kind: "prune", repositoryId: id(1), limits: {} };
  expect(await judged(prune, { ...elsewhere, purpose: "write" })).toContain("takes none");
  expect(await judged(prune, { ...elsewhere, repositoryId: id(2) })).toContain("takes none");
});

test("a list of root's pins nothing of what it forbids", async () => {
  allow({ allowRepositories: ["rest:https://backup/a"] });
  expect(rules.refusedDestinations([credential(1, "rest:https://evil/a")])).toHaveLength(1);
  allow({ allowRepositories: "first" });
  expect(pin.addresses()).toBeNull();
});

test("a policy that cannot be read lets no job run", async () => {
  policy = fail("policy.unreadable", "mend it");
  for (const spec of [backup(), { kind: "stats", repositoryId: id(1) } as const])
    expect(await judged(spec)).toBe("mend it");
});

test("a file system that does not answer fails the job, names the path, and holds up nothing else", async () => {
  let isThere = false;
  const answers: (() => void)[] = [];
  const stuck = join(folder, "data/gone");
  rules = new HostRules({
    policy: () => policy,
    pin,
    command: { configDirectory: null, stateDirectory: null },
    openHooks: () => hooks,
    addressOf: () => ok(address),
    realPaths: new RealPaths({
      withinMs: 20,
      async lookUp(path) {
        if (path.startsWith(stuck) && !isThere) await new Promise<void>((resolve) => answers.push(resolve));
        return path;
      },
    }),
  });
  allow({ denyPaths: ["/nothing"] });
  const spec = backup({ paths: [stuck] });
  expect(await judged(spec)).toContain(`The file system of ${stuck} does not answer`);
  expect(await judged(spec)).toContain("network mount");
  expect(answers).toHaveLength(1);
  expect(await judged(backup())).toBe("allowed");
  // What the pre hook stopped must start all the same.
  hooks = ok({ timeoutMinutes: 15, shell: "/bin/sh" });
  expect(rules.judgeHooks({ ...spec, hooks: sealed })).toEqual(hooks);
  // Each holds a thread that the agent needs for other things.
  await judged(backup({ paths: [`${stuck}/2`] }));
  await judged(backup({ paths: [`${stuck}/3`] }));
  expect(answers).toHaveLength(2);
  isThere = true;
  for (const answer of answers) answer();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await judged(spec)).toBe("allowed");
});
