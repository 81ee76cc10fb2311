import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { toBase64url } from "../../core/bytes.ts";
import { makeSealPair, sealToHost } from "../../core/secrets/to-host.ts";
import type { RepositorySecret } from "../../protocol/repository.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import {
  lentContext,
  sealContext,
  type JobPhase,
  type JobRecord,
  type JobSpec,
  type WireRepository,
} from "../../protocol/wire.ts";
import type { AgentConfig } from "../../agent/config/config.ts";
import { runJob } from "../../agent/jobs/run.ts";
import type { JobHost, Verdict } from "../../agent/jobs/session.ts";
import { linux } from "../../agent/platform/linux.ts";
import { ResticFinder } from "../../agent/restic/find.ts";
import { Vault } from "../../agent/vault/vault.ts";
import { removeFolder, temporaryFolder } from "./folders.ts";
import type { RepositoryAccess } from "./restic.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));

/** What an installed agent allows when nobody wrote a policy file. */
export const openPolicy: HostPolicy = {
  allowHooks: "named",
  hooks: [],
  allowPaths: null,
  denyPaths: [],
  allowRestore: "staging",
  restoreRoots: [],
  allowPrune: true,
  keepAtLeast: 3,
  maxShare: 0.5,
  allowRepositories: "first",
};

export interface JobRun {
  verdict: Verdict | null;
  records: JobRecord[];
  phases: JobPhase[];
  /** All log lines of the job. */
  log: string;
}

export interface StartedJob {
  jobId: string;
  /** Those so far. */
  records: readonly JobRecord[];
  stop(): void;
  ended: Promise<JobRun>;
}

export interface TestHost {
  readonly repositoryId: string;
  readonly scheduleId: string;
  readonly host: JobHost;
  readonly repository: RepositoryAccess;
  readonly stateDir: string;
  start(spec: JobSpec, lent?: RepositoryAccess): StartedJob;
  run(spec: JobSpec, lent?: RepositoryAccess): Promise<JobRun>;
  /** A backup of `paths` under this host's schedule. */
  backUp(paths: string[], more?: { scheduleId?: string }): Promise<JobRun>;
  remove(): void;
}

export interface TestHostOptions {
  restic: string;
  repository: RepositoryAccess;
  policy?: Partial<HostPolicy>;
  hostname?: string;
  lockWaitMs?: number;
  lockPollMs?: number;
}

/** The part of an agent that runs jobs, on a real restic and a real vault, without a link. */
export function makeTestHost(options: TestHostOptions): TestHost {
  const stateDir = temporaryFolder("job-host");
  const hostId = randomUUID();
  const repositoryId = randomUUID();
  const scheduleId = randomUUID();
  const pair = makeSealPair(random);
  const config = { hostId, sealKey: toBase64url(pair.secretKey), vaultKey: toBase64url(random(32)) } as AgentConfig;
  const vault = new Vault(join(stateDir, "secrets.enc"), config, random);
  const seal = (access: RepositoryAccess, context: string) => {
    const secret = { password: access.password, env: access.env ?? {} } as RepositorySecret;
    return sealToHost(pair.publicKey, context, JSON.stringify(secret), random);
  };
  const wire = (access: RepositoryAccess, purpose: "write" | "admin", context: string): WireRepository => ({
    repositoryId,
    address: access.address,
    purpose,
    sealed: seal(access, context),
    version: 1,
  });
  vault.apply({
    type: "config.update",
    version: 1,
    repositories: [wire(options.repository, "write", sealContext(hostId, repositoryId, 1))],
  });
  mkdirSync(join(stateDir, "cache"));
  const host: JobHost = {
    finder: new ResticFinder(options.restic, linux),
    vault,
    platform: linux,
    hostname: options.hostname ?? "test-host",
    ownEnv: { PATH: process.env["PATH"], HOME: stateDir },
    cacheDirectory: join(stateDir, "cache"),
    runDirectory: join(stateDir, "run"),
    rotationFile: join(stateDir, "checks.json"),
    ownSecrets: [],
    policy: () => ({ ok: true, value: { ...openPolicy, ...options.policy } }),
    ...(options.lockWaitMs === undefined ? {} : { lockWaitMs: options.lockWaitMs }),
    lockPollMs: options.lockPollMs ?? 200,
    nowMs: () => Date.now(),
  };

  const start = (spec: JobSpec, lent?: RepositoryAccess): StartedJob => {
    const jobId = randomUUID();
    const records: JobRecord[] = [];
    const stop = new AbortController();
    const credential = lent && wire(lent, "admin", lentContext(hostId, repositoryId, 1, jobId));
    const job = {
      jobId,
      repositoryId,
      lent: credential,
      record: (record: JobRecord) => void records.push(record),
      recordAll: (many: readonly JobRecord[]) => void records.push(...many),
      progress: () => {},
      keepChild: () => {},
      stop: stop.signal,
    };
    const ended = runJob(spec, job, host).then((verdict) => ({
      verdict,
      records,
      phases: records.flatMap((record) => (record.type === "phased" ? [record.phase] : [])),
      log: records.flatMap((record) => (record.type === "logged" ? [record.text] : [])).join("\n"),
    }));
    return { jobId, records, ended, stop: () => stop.abort() };
  };
  return {
    repositoryId,
    scheduleId,
    host,
    repository: options.repository,
    stateDir,
    start,
    run: async (spec, lent) => start(spec, lent).ended,
    backUp: async (paths, more = {}) =>
      start({
        kind: "backup",
        repositoryId,
        scheduleId: more.scheduleId ?? scheduleId,
        paths,
        excludes: [],
        tags: [],
        createRepository: true,
        verbose: false,
        limits: {},
      }).ended,
    remove: () => removeFolder(stateDir),
  };
}
