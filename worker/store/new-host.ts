import type { SQL } from "drizzle-orm";
import { SEVERITY } from "../../core/hosts/status.ts";
import type { EnrollBody } from "../../protocol/api.ts";
import type { FleetSchedule } from "../../protocol/fleet-token.ts";
import type { Database } from "../bindings.ts";
import { insertWhere } from "./insert-where.ts";
import { dueColumns } from "./kept.ts";
import { columnsOf } from "./schedule-columns.ts";
import { hosts, repositories, repositoryCredentials, schedules } from "./schema.ts";

/** A host that joins, whichever way. */
export interface NewHost {
  hostId: string;
  repositoryId: string;
  scheduleId: string;
  /** Of the manual schedule; a schedule that the order gives has its own. */
  scheduleName: string;
  bearerHash: string;
  /** The repository secret, sealed for its place at version 1. */
  sealed: string;
  machine: Omit<EnrollBody, "token" | "proof">;
}

/** What was decided about a host before it joined; lists are JSON, as the tables hold them. */
export interface HostOrder {
  hostName: string;
  tags: string;
  address: string;
  createRepository: number;
  envKeys: string;
  paths: string;
  excludes: string;
  /** JSON of FleetSchedule; without one the first schedule is manual. */
  schedule?: string | null;
}

/**
 * The statements that make a host with repository, credential and first schedule where `won` holds. The last of them
 * changed a row exactly when the host was made, so an audit statement with `ifChanged` may follow.
 */
export function newHostStatements(db: Database, host: NewHost, order: HostOrder, won: SQL, nowMs: number) {
  const { machine } = host;
  const first = firstSchedule(host, order, nowMs);
  return [
    insertWhere(
      db,
      hosts,
      {
        id: host.hostId,
        name: order.hostName,
        hostname: machine.hostname,
        tags: order.tags,
        os: machine.os,
        arch: machine.arch,
        agentVersion: machine.agentVersion,
        resticVersion: machine.resticVersion,
        machineFacts: JSON.stringify(machine.machineFacts),
        signKey: machine.signKey,
        sealKey: machine.sealKey,
        bearerHash: host.bearerHash,
        configVersion: 1,
        scheduleVersion: 1,
        createdAt: nowMs,
        severity: SEVERITY.offline,
        ...first.due,
      },
      won,
    ),
    insertWhere(
      db,
      repositories,
      {
        id: host.repositoryId,
        hostId: host.hostId,
        address: order.address,
        createRepository: order.createRepository,
        createdAt: nowMs,
        updatedAt: nowMs,
      },
      won,
    ),
    insertWhere(
      db,
      repositoryCredentials,
      {
        repositoryId: host.repositoryId,
        purpose: "write",
        sealed: host.sealed,
        envKeys: order.envKeys,
        version: 1,
        updatedAt: nowMs,
      },
      won,
    ),
    insertWhere(
      db,
      schedules,
      {
        id: host.scheduleId,
        hostId: host.hostId,
        repositoryId: host.repositoryId,
        ...first.columns,
        createdAt: nowMs,
        updatedAt: nowMs,
      },
      won,
    ),
  ] as const;
}

/** The columns of a host's first schedule, and those of the host that follow from its times. */
function firstSchedule(host: NewHost, order: HostOrder, nowMs: number) {
  const { scheduleId: id, repositoryId } = host;
  if (order.schedule === undefined || order.schedule === null)
    return { columns: { name: host.scheduleName, paths: order.paths, excludes: order.excludes }, due: {} };
  const given = JSON.parse(order.schedule) as FleetSchedule;
  const { plannedSinceMs, ...due } = dueColumns([{ ...given, kind: "backup", id, timedAtMs: nowMs }], {}, null, nowMs);
  return {
    columns: { ...columnsOf({ ...given, kind: "backup", repositoryId }), timedAt: nowMs },
    due: { ...due, plannedSince: plannedSinceMs },
  };
}
