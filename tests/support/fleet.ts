import { uuidv7 } from "../../core/ids.ts";
import { sealAtRest } from "../../core/secrets/at-rest.ts";
import { makeSealPair } from "../../core/secrets/to-host.ts";
import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import type { Runtime } from "../../worker/bindings.ts";
import { credentialPlace } from "../../worker/store/repositories.ts";
import { hosts, repositories, repositoryCredentials, schedules, snapshots } from "../../worker/store/schema.ts";
import { makeSignPair } from "../../core/secrets/sign.ts";

export interface TestHost {
  hostId: string;
  repositoryId: string;
  scheduleId: string;
  bearer: string;
  /** The secret half of the key that the server seals to. */
  sealSecret: Uint8Array;
}

/** A host as enrolment leaves it, without going through enrolment: not yet connected, never backed up. */
export async function addHost(
  runtime: Runtime,
  host: { name?: string; tags?: string[]; address?: string; env?: Record<string, string> } = {},
): Promise<TestHost> {
  const { db, random } = runtime;
  const nowMs = runtime.now();
  const [hostId, repositoryId, scheduleId] = [uuidv7(nowMs, random), uuidv7(nowMs, random), uuidv7(nowMs, random)];
  const bearer = makeToken("bearer", random);
  const name = host.name ?? "web-1";
  const sealPair = makeSealPair(random);
  await db.insert(hosts).values({
    id: hostId,
    name,
    hostname: name,
    tags: JSON.stringify(host.tags ?? []),
    os: "linux",
    arch: "x64",
    agentVersion: "0.1.0",
    resticVersion: "0.18.0",
    signKey: makeSignPair(random).publicKey,
    sealKey: sealPair.publicKey,
    bearerHash: hashToken(bearer),
    configVersion: 1,
    scheduleVersion: 1,
    createdAt: nowMs,
    severity: 3,
  });
  const address = host.address ?? "/srv/restic";
  await db.insert(repositories).values({ id: repositoryId, hostId, address, createdAt: nowMs, updatedAt: nowMs });
  const secret = JSON.stringify({ password: "an old repository password", env: host.env ?? {} });
  await db.insert(repositoryCredentials).values({
    repositoryId,
    purpose: "write",
    sealed: sealAtRest(runtime.secretKeys[0], credentialPlace(repositoryId, "write", 1), secret, random),
    envKeys: JSON.stringify(Object.keys(host.env ?? {})),
    version: 1,
    updatedAt: nowMs,
  });
  await db.insert(schedules).values({
    id: scheduleId,
    hostId,
    repositoryId,
    name: "manual",
    paths: JSON.stringify(["/srv/data"]),
    createdAt: nowMs,
    updatedAt: nowMs,
  });
  return { hostId, repositoryId, scheduleId, bearer, sealSecret: sealPair.secretKey };
}

/** Snapshots of a host's schedule taken at `timesMs`, seen by the server at that time unless told otherwise. */
export async function addSnapshots(
  runtime: Runtime,
  host: TestHost,
  timesMs: readonly number[],
  over: { hostname?: string; scheduleId?: string; firstSeenAtMs?: number } = {},
): Promise<string[]> {
  const ids: string[] = [];
  for (const time of timesMs) {
    const id = Buffer.from(runtime.random(32)).toString("hex");
    ids.push(id);
    await runtime.db.insert(snapshots).values({
      repositoryId: host.repositoryId,
      time,
      id,
      hostId: host.hostId,
      hostname: over.hostname ?? "web-1",
      paths: JSON.stringify(["/srv/data"]),
      tags: JSON.stringify(["a", `rm:schedule:${over.scheduleId ?? host.scheduleId}`]),
      firstSeenAt: over.firstSeenAtMs ?? time,
    });
  }
  return ids;
}

/** One more schedule of a host: a manual backup unless told otherwise; with a cron it is in UTC. */
export async function addSchedule(
  runtime: Runtime,
  host: TestHost,
  over: Partial<typeof schedules.$inferInsert> = {},
): Promise<string> {
  const nowMs = runtime.now();
  const id = uuidv7(nowMs, runtime.random);
  await runtime.db.insert(schedules).values({
    id,
    hostId: host.hostId,
    repositoryId: host.repositoryId,
    name: over.kind ?? "another",
    paths: JSON.stringify(["/srv/data"]),
    manual: over.cron === undefined ? 1 : 0,
    timeZone: "UTC",
    createdAt: nowMs,
    updatedAt: nowMs,
    ...over,
  });
  return id;
}
