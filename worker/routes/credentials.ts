import type * as v from "valibot";
import { mayDo } from "../../core/access/actions.ts";
import { pageOf, putCredentialsBody, repositorySchema, type RepositoryResource } from "../../protocol/api.ts";
import { fail, ok, type Failure, type Result } from "../../protocol/failure.ts";
import { parseAddress } from "../../protocol/repository.ts";
import { actorOf } from "../access/actor.ts";
import type { Peer, Runtime } from "../bindings.ts";
import { invalidField } from "../input.ts";
import { checkEnv, openSecret, sealSecret } from "../repository-secret.ts";
import { route, type Principal } from "../route.ts";
import { hostExists } from "../store/hosts.ts";
import {
  credentialPlace,
  listRepositoryRows,
  loadRepositoryRow,
  recordAdminCredentialChanged,
  recordAdminCredentialRemoved,
  recordCredentialsChanged,
  repositoryResource,
} from "../store/repositories.ts";
import { noHost } from "./hosts.ts";

export const credentialRoutes = [
  route({
    method: "GET",
    path: "/api/hosts/:id/repo-credentials",
    access: { action: "credential.read" },
    summary: "Where a host's repositories are and which secrets are set; never the secrets",
    response: pageOf(repositorySchema),
    async handler({ runtime, params }) {
      const [host, rows] = await Promise.all([
        hostExists(runtime.db, params.id),
        listRepositoryRows(runtime.db, params.id),
      ]);
      return host ? ok({ items: rows.map(repositoryResource) }) : noHost();
    },
  }),
  route({
    method: "PUT",
    path: "/api/hosts/:id/repo-credentials",
    access: { action: "credential.write" },
    summary: "Change a repository's address or secrets; a connected agent gets them at once",
    body: putCredentialsBody,
    response: repositorySchema,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random } = runtime;
      if (!(await hostExists(db, params.id))) return noHost();
      if (body.purpose === "admin") return putAdminCredential({ runtime, peer, principal, hostId: params.id, body });
      const row = await loadRepositoryRow(db, params.id, body.repositoryId);
      if (!row || row.sealed === null || row.version === null) {
        return noRepository();
      }
      const stored = openSecret(runtime, credentialPlace(row.id, "write", row.version), row.sealed);
      if (!stored && (body.password === undefined || body.env === undefined)) {
        return fail(
          "repository.credentials_missing",
          "The server cannot read the stored secrets with its present key. Enter the password and all access keys again.",
        );
      }
      const parsed = parseAddress(body.address ?? row.address);
      if (!parsed.ok) return parsed;
      const { address, backend } = parsed.value;
      // Access keys go to whoever the address names: who may not read them may not send them elsewhere either.
      if (address !== row.address && body.env === undefined && Object.keys(stored?.env ?? {}).length > 0) {
        return fail("request.invalid", "env: enter the access keys again when the address changes.");
      }
      const env = body.env ?? stored?.env ?? {};
      const checked = checkEnv(backend, env);
      if (!checked.ok) return checked;
      const version = row.version + 1;
      const password = body.password ?? stored!.password;
      const change = {
        hostId: params.id,
        repositoryId: row.id,
        address,
        createRepository: body.createRepository ?? row.createRepository === 1,
        sealed: sealSecret(runtime, credentialPlace(row.id, "write", version), { password, env }),
        envKeys: Object.keys(env),
        oldVersion: row.version,
      };
      const audit = {
        ...actorOf(principal, peer),
        action: "credential.write",
        targetKind: "host",
        targetId: params.id,
        targetName: address,
        detail: {
          repositoryId: row.id,
          version,
          changed: Object.keys(body).filter((field) => field !== "repositoryId" && field !== "purpose"),
          ...(address === row.address ? {} : { addressBefore: row.address }),
        },
      };
      if (!(await recordCredentialsChanged(db, change, audit, { nowMs: runtime.now(), random }))) {
        return fail("request.conflict", "Someone else changed these credentials meanwhile. Reload and try again.");
      }
      try {
        await runtime.relay(params.id).configChanged();
        if (change.createRepository !== (row.createRepository === 1)) await runtime.relay(params.id).scheduleChanged();
      } catch (error) {
        // The agent's next hello compares versions, so it gets them then.
        runtime.log.warn("relay.config_push_failed", { hostId: params.id, error });
      }
      const after = await loadRepositoryRow(db, params.id, row.id);
      return after ? ok(repositoryResource(after)) : noHost();
    },
  }),
  route({
    method: "DELETE",
    path: "/api/hosts/:id/repositories/:rid/admin-credential",
    access: { action: "credential.admin" },
    summary: "Forget a repository's second credential; forget and prune use the first again",
    status: 204,
    async handler({ runtime, peer, params }, principal) {
      const { db, random } = runtime;
      const row = await loadRepositoryRow(db, params.id, params.rid);
      if (!row) return noRepository();
      const audit = {
        ...actorOf(principal, peer),
        action: "credential.admin_delete",
        targetKind: "host",
        targetId: params.id,
        targetName: row.adminAddress ?? row.address,
        detail: { repositoryId: row.id },
      };
      const at = { nowMs: runtime.now(), random };
      const removed = await recordAdminCredentialRemoved(db, params.id, row.id, audit, at);
      return removed ? ok(null) : fail("request.not_found", "This repository has no second credential.");
    },
  }),
];

function noRepository(): { ok: false; failure: Failure } {
  return fail("request.not_found", "This host has no such repository.");
}

interface PutAdmin {
  runtime: Runtime;
  peer: Peer;
  principal: Principal;
  hostId: string;
  body: v.InferOutput<typeof putCredentialsBody>;
}

/**
 * Sets the second credential whole, so that nothing stored is ever sent to an address that someone else names. It never
 * travels with config.update: worker/hand-over.ts lends it to one job at a time.
 */
async function putAdminCredential({
  runtime,
  peer,
  principal,
  hostId,
  body,
}: PutAdmin): Promise<Result<RepositoryResource>> {
  const { db, random } = runtime;
  if (!mayDo(principal.role, "credential.admin")) {
    return fail("auth.forbidden", `Your role, ${principal.role}, may not set this credential. Ask an administrator.`);
  }
  const { password, env, repositoryId } = body;
  if (password === undefined) return invalidField("password", "is required for the second credential");
  if (env === undefined) return invalidField("env", "is required for the second credential, {} when there is none");
  if (body.createRepository !== undefined) return invalidField("createRepository", "belongs to the first credential");
  const row = await loadRepositoryRow(db, hostId, repositoryId);
  if (!row) return noRepository();
  const parsed = parseAddress(body.address ?? row.address);
  if (!parsed.ok) return parsed;
  const { address, backend } = parsed.value;
  const checked = checkEnv(backend, env);
  if (!checked.ok) return checked;
  const version = (row.adminVersion ?? 0) + 1;
  const change = {
    hostId,
    repositoryId,
    address,
    sealed: sealSecret(runtime, credentialPlace(repositoryId, "admin", version), { password, env }),
    envKeys: Object.keys(env),
    oldVersion: row.adminVersion,
  };
  const audit = {
    ...actorOf(principal, peer),
    action: "credential.admin",
    targetKind: "host",
    targetId: hostId,
    targetName: address,
    detail: { repositoryId, version, envKeys: change.envKeys },
  };
  if (!(await recordAdminCredentialChanged(db, change, audit, { nowMs: runtime.now(), random }))) {
    return fail("request.conflict", "Someone else changed this credential meanwhile. Reload and try again.");
  }
  const after = await loadRepositoryRow(db, hostId, repositoryId);
  return after ? ok(repositoryResource(after)) : noRepository();
}
