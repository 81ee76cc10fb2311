import { asc, eq, inArray, sql } from "drizzle-orm";
import { fillTemplate, safeHostname } from "../../core/enrollment/address-template.ts";
import type { RandomBytes } from "../../core/ids.ts";
import type { EnrollmentJoin } from "../../protocol/fleet-token.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { usable, type EnrollmentRow, type UsableEnrollment } from "./enrollment.ts";
import { insertWhere } from "./insert-where.ts";
import { newHostStatements, type NewHost } from "./new-host.ts";
import { enrollmentJoins, enrollmentTokens, hosts, repositories } from "./schema.ts";

/** Names that are looked at for one host: D1 binds 100 values to a statement. */
const CANDIDATES = 40;

/** What a host that joins with a fleet token is called, and where it sends its backups. */
export interface FleetPlace {
  name: string;
  address: string;
}

/**
 * Names like no other host's whose repository address no host ever had, best first, at most 40. Whether one is free
 * still is for `recordFleetJoined` to see.
 */
export async function findFleetPlaces(
  db: Database,
  token: Pick<EnrollmentRow, "id" | "address">,
  hostname: string,
): Promise<FleetPlace[]> {
  const [named, joined] = await db.batch([
    db.select({ name: hosts.name }).from(hosts),
    db.select({ name: enrollmentJoins.hostName }).from(enrollmentJoins).where(eq(enrollmentJoins.tokenId, token.id)),
  ]);
  const taken = [...named, ...joined].map(({ name }) => name);
  // Loaded when first needed, as the letters that look alike are (pending-hosts.ts).
  const { ownNames } = await import("../../core/enrollment/own-name.ts");
  const places = ownNames(hostname, safeHostname(hostname), taken, CANDIDATES).map(({ name, safeName }) => ({
    name,
    address: fillTemplate(token.address, safeName),
  }));
  const addresses = places.map(({ address }) => address);
  const [owned, given] = await db.batch([
    db.select({ address: repositories.address }).from(repositories).where(inArray(repositories.address, addresses)),
    db
      .select({ address: enrollmentJoins.repositoryAddress })
      .from(enrollmentJoins)
      .where(inArray(enrollmentJoins.repositoryAddress, addresses)),
  ]);
  const used = new Set([...owned, ...given].map(({ address }) => address));
  return places.filter(({ address }) => !used.has(address));
}

/**
 * One more host of a fleet token: host, repository, credential, schedule and the note that it joined, in one batch with
 * the count of uses; the last use ends the token and erases its secret. False when the token may no longer be used, or
 * the place was taken in the meantime: then nothing is written.
 */
export async function recordFleetJoined(
  db: Database,
  token: UsableEnrollment,
  place: FleetPlace,
  host: NewHost,
  audit: AuditEntry & { address: string },
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const won = sql`EXISTS (SELECT 1 FROM ${enrollmentTokens} WHERE id = ${token.id} AND host_id = ${host.hostId})`;
  const isLast = sql`uses + 1 >= max_uses`;
  const [used] = await db.batch([
    db
      .update(enrollmentTokens)
      .set({
        uses: sql`uses + 1`,
        hostId: host.hostId,
        usedAt: sql`CASE WHEN ${isLast} THEN ${at.nowMs} END`,
        sealed: sql`CASE WHEN ${isLast} THEN NULL ELSE sealed END`,
      })
      .where(
        sql`id = ${token.id} AND ${usable(at.nowMs)} AND uses < max_uses
          AND NOT EXISTS (SELECT 1 FROM hosts WHERE sign_key = ${host.machine.signKey} OR name = ${place.name})
          AND NOT EXISTS (SELECT 1 FROM repositories r WHERE r.address = ${place.address})
          AND NOT EXISTS (SELECT 1 FROM enrollment_joins j WHERE j.repository_address = ${place.address})`,
      ),
    insertWhere(
      db,
      enrollmentJoins,
      {
        tokenId: token.id,
        hostId: host.hostId,
        hostName: place.name,
        repositoryAddress: place.address,
        address: audit.address,
        at: at.nowMs,
      },
      won,
    ),
    ...newHostStatements(db, host, { ...token, hostName: place.name, address: place.address }, won, at.nowMs),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return used.meta.changes > 0;
}

/** The hosts that joined with a token, in the order they came; a token has 1000 uses at most. */
export async function listJoins(db: Database, tokenId: string): Promise<EnrollmentJoin[]> {
  const rows = await db
    .select({ join: enrollmentJoins, existing: hosts.id })
    .from(enrollmentJoins)
    .leftJoin(hosts, eq(hosts.id, enrollmentJoins.hostId))
    .where(eq(enrollmentJoins.tokenId, tokenId))
    .orderBy(asc(enrollmentJoins.hostId));
  return rows.map(({ join, existing }) => ({
    hostId: join.hostId,
    hostName: join.hostName,
    repositoryAddress: join.repositoryAddress,
    address: join.address,
    atMs: join.at,
    exists: existing !== null,
  }));
}
