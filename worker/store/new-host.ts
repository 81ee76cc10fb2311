import type { SQL } from "drizzle-orm";
import { SEVERITY } from "../../core/hosts/status.ts";
import type { EnrollBody } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { insertWhere } from "./insert-where.ts";
import { hosts, repositories, repositoryCredentials, schedules } from "./schema.ts";

/** A host that joins, whichever way. */
export interface NewHost {
  hostId: string;
  repositoryId: string;
  scheduleId: string;
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
}

/**
 * The statements that make a host with repository, credential and first schedule where `won` holds. The last of them
 * changed a row exactly when the host was made, so an audit statement with `ifChanged` may follow.
 */
export function newHostStatements(db: Database, host: NewHost, order: HostOrder, won: SQL, nowMs: number) {
  const { machine } = host;
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
        name: host.scheduleName,
        paths: order.paths,
        excludes: order.excludes,
        createdAt: nowMs,
        updatedAt: nowMs,
      },
      won,
    ),
  ] as const;
}
