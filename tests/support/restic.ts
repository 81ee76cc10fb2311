import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runProcess, type Finished } from "./process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const versions = { "0.14.0": "restic-0.14.0", "0.18.0": "restic-0.18.0", newest: "restic-newest" } as const;

/** Debian bookworm's restic, trixie's, and whatever sid holds today. */
export type ResticVersion = keyof typeof versions;
export const resticVersions = Object.keys(versions) as ResticVersion[];

const paths = new Map<string, string>();

/** Absolute path of that restic, fetched into .tools the first time. */
export function resticBinary(version: ResticVersion): string {
  return fetchTool(versions[version]);
}

/** Absolute path of a tool that scripts/fetch-restic.sh knows. */
export function fetchTool(tool: string): string {
  const known = paths.get(tool);
  if (known !== undefined) return known;
  const run = spawnSync("sh", [`${root}scripts/fetch-restic.sh`, `${root}.tools`, tool], { encoding: "utf8" });
  const [, version, path] = run.stdout.trim().split("\t");
  if (run.status !== 0 || version === undefined || path === undefined) {
    throw new Error(`scripts/fetch-restic.sh could not fetch ${tool}:\n${run.stderr}`);
  }
  if (tool.endsWith("-newest")) console.log(`${tool} is ${version}`);
  paths.set(tool, path);
  return path;
}

export interface RepositoryAccess {
  /** As restic wants it: a path, rest:http://…, … */
  address: string;
  password: string;
  env?: Record<string, string>;
}

/** Runs restic itself on a repository: the independent witness of what the product says. */
export async function runRestic(
  binary: string,
  repository: RepositoryAccess,
  args: readonly string[],
): Promise<Finished> {
  return runProcess(binary, ["--no-cache", ...args], {
    env: { RESTIC_REPOSITORY: repository.address, RESTIC_PASSWORD: repository.password, ...repository.env },
  });
}

export interface ListedSnapshot {
  id: string;
  time: string;
  hostname: string;
  paths: string[];
  tags?: string[];
}

/** What `restic snapshots` lists, read without a lock; throws when restic fails. */
export async function listSnapshots(binary: string, repository: RepositoryAccess): Promise<ListedSnapshot[]> {
  const run = await runRestic(binary, repository, ["snapshots", "--json", "--no-lock"]);
  if (run.code !== 0) throw new Error(`restic snapshots ended with ${run.code}: ${run.stderr}`);
  return (JSON.parse(run.stdout) as ListedSnapshot[] | null) ?? [];
}
