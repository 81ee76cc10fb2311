import { DAY_MS } from "../../core/schedule/day.ts";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backupArgv, scheduleTag } from "../../agent/restic/backup.ts";
import type { GroupSnapshot } from "../../core/retention/plan.ts";
import type { KeepPolicy } from "../../protocol/schedule.ts";
import type { BackupSpec } from "../../protocol/wire.ts";
import { useCheapKey } from "./cheap-key.ts";
import { listSnapshots, runRestic, type RepositoryAccess } from "./restic.ts";

const MINUTE_MS = 60_000;

/** A snapshot to make: `restic backup --time` takes whole seconds. */
interface Seed {
  scheduleId: string;
  host: string;
  atMs: number;
  tags?: string[];
  paths?: ("mail" | "web")[];
}

export const enrolledHost = "web-01";
export const nightly = "0198c5a0-0000-7000-8000-00000000000a";
export const midday = "0198c5a0-0000-7000-8000-00000000000b";
/** Dates on which calendars trip: ISO years, leap days, "31 February", a date in 1971 and one in 2099. */
export const edges = "0198c5a0-0000-7000-8000-00000000000c";

const firstDayMs = Date.UTC(2025, 10, 15);
export const seededDays = 60;

const seeds: Seed[] = [
  ...Array.from({ length: seededDays }, (_, day): Seed[] => [
    {
      scheduleId: nightly,
      host: enrolledHost,
      atMs: firstDayMs + day * DAY_MS + 90 * MINUTE_MS + ((day * 7) % 50) * MINUTE_MS,
      // the operator adds a path half-way
      paths: day < seededDays / 2 ? ["mail"] : ["mail", "web"],
    },
    {
      scheduleId: midday,
      host: enrolledHost,
      atMs: firstDayMs + day * DAY_MS + 13 * 60 * MINUTE_MS + (day % 4) * MINUTE_MS,
      tags: day % 20 === 7 ? ["legal"] : [],
    },
  ]).flat(),
  // another machine that was restored from the first one's image
  ...[3, 33].map((day) => ({ scheduleId: nightly, host: "web-02", atMs: firstDayMs + day * DAY_MS })),
  ...[
    "1971-01-01T00:00:00",
    "2019-12-29T23:59:59",
    "2019-12-30T00:00:00",
    "2020-12-31T12:00:00",
    "2021-01-03T23:59:59",
    "2021-01-04T00:00:00",
    "2024-02-29T12:00:00",
    "2025-02-28T12:00:00",
    "2025-03-03T10:00:00",
    "2025-03-03T10:00:01",
    "2025-03-30T10:59:59",
    "2025-03-31T09:00:00",
    "2025-03-31T09:59:59",
    "2025-03-31T10:00:00",
    "2099-01-01T00:00:00",
  ].map((time, n) => ({
    scheduleId: edges,
    host: enrolledHost,
    atMs: Date.parse(`${time}Z`),
    tags: n % 5 === 2 ? ["legal"] : [],
  })),
];

const anyBackup: Omit<BackupSpec, "scheduleId" | "tags" | "paths"> = {
  kind: "backup",
  repositoryId: "0198c5a0-0000-7000-8000-0000000000ff",
  excludes: [],
  createRepository: false,
  verbose: false,
  limits: {},
};

/** Makes a repository with all seeds, four at a time: each waits for the disk more than it reckons. */
export async function seedRepository(binary: string, folder: string): Promise<RepositoryAccess> {
  const repository = { address: join(folder, "seeded"), password: "seeds" };
  await mustRun(binary, repository, ["init", "--quiet"]);
  await useCheapKey(binary, repository);
  for (const path of ["mail", "web"]) {
    mkdirSync(join(folder, path));
    writeFileSync(join(folder, path, "file"), path);
  }
  const left = [...seeds];
  const sow = async () => {
    for (let seed = left.pop(); seed; seed = left.pop()) {
      const time = new Date(seed.atMs).toISOString().slice(0, 19).replace("T", " ");
      // the agent's own arguments: tag and host name come from it, whatever this machine calls itself
      const paths = (seed.paths ?? ["web"]).map((path) => join(folder, path));
      const spec = { ...anyBackup, scheduleId: seed.scheduleId, tags: seed.tags ?? [], paths };
      const [backup = "", ...rest] = backupArgv(spec, { hostname: seed.host, excludeFile: null, shadowCopies: false });
      await mustRun(binary, repository, [backup, `--time=${time}`, ...rest]);
    }
  };
  await Promise.all([sow(), sow(), sow(), sow()]);
  return repository;
}

/** The same repository once more, to forget in. */
export function copyRepository(repository: RepositoryAccess, name: string): RepositoryAccess {
  const address = `${repository.address}-${name}`;
  cpSync(repository.address, address, { recursive: true });
  return { ...repository, address };
}

/** A schedule's group as the server knows it when it heard of each snapshot five minutes after it was taken. */
export async function listGroup(
  binary: string,
  repository: RepositoryAccess,
  scheduleId: string,
): Promise<(GroupSnapshot & { paths: string[] })[]> {
  const listed = await listSnapshots(binary, repository);
  return listed
    .filter((snapshot) => snapshot.hostname === enrolledHost && snapshot.tags?.includes(scheduleTag(scheduleId)))
    .map(({ id, time, tags = [], paths }) => {
      const timeMs = Date.parse(time);
      return { id, timeMs, firstSeenAtMs: timeMs + 5 * MINUTE_MS, vouched: false, tags, paths };
    });
}

/** What restic itself would keep of a schedule's group, newest first, with its reasons. */
export async function resticKeeps(
  binary: string,
  repository: RepositoryAccess,
  scheduleId: string,
  keep: KeepPolicy,
): Promise<{ kept: { id: string; reasons: string[] }[]; removed: string[] }> {
  const { tags = [], ...rules } = keep;
  const run = await runRestic(binary, repository, [
    "forget",
    "--dry-run",
    "--json",
    "--no-lock",
    "--group-by=host",
    `--host=${enrolledHost}`,
    `--tag=${scheduleTag(scheduleId)}`,
    ...Object.entries(rules).map(([rule, value]) => `--keep-${rule}=${value}`),
    ...tags.map((tag) => `--keep-tag=${tag}`),
  ]);
  if (run.code !== 0) throw new Error(`restic forget ended with ${run.code}: ${run.stderr}`);
  const groups = JSON.parse(run.stdout) as {
    keep: { id: string }[] | null;
    remove: { id: string }[] | null;
    reasons: { matches: string[] }[] | null;
  }[];
  if (groups.length !== 1) throw new Error(`restic sees ${groups.length} groups`);
  const { keep: kept, remove, reasons } = groups[0]!;
  return {
    kept: (kept ?? []).map(({ id }, n) => ({ id, reasons: reasons?.[n]?.matches ?? [] })),
    removed: (remove ?? []).map(({ id }) => id),
  };
}

/** `restic forget` of exactly these snapshots. */
export async function resticForgets(
  binary: string,
  repository: RepositoryAccess,
  ids: readonly string[],
): Promise<void> {
  await mustRun(binary, repository, ["forget", "--quiet", "--", ...ids]);
}

async function mustRun(binary: string, repository: RepositoryAccess, args: readonly string[]): Promise<void> {
  const run = await runRestic(binary, repository, args);
  if (run.code !== 0) throw new Error(`restic ${args[0]} ended with ${run.code}: ${run.stderr}`);
}
