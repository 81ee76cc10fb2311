import { pageOf, putCredentialsBody, repositorySchema } from "../../protocol/api.ts";
import { fail, ok } from "../../protocol/failure.ts";
import { parseAddress } from "../../protocol/repository.ts";
import { actorOf } from "../access/actor.ts";
import { checkEnv, openSecret, sealSecret } from "../repository-secret.ts";
import { route } from "../route.ts";
import { loadHostVersions } from "../store/hosts.ts";
import {
  credentialPlace,
  listRepositoryRows,
  loadRepositoryRow,
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
        loadHostVersions(runtime.db, params.id),
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
      if (!(await loadHostVersions(db, params.id))) return noHost();
      const row = await loadRepositoryRow(db, params.id, body.repositoryId);
      if (!row || row.sealed === null || row.version === null) {
        return fail("request.not_found", "This host has no such repository.");
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
          changed: Object.keys(body).filter((field) => field !== "repositoryId"),
          ...(address === row.address ? {} : { addressBefore: row.address }),
        },
      };
      if (!(await recordCredentialsChanged(db, change, audit, { nowMs: runtime.now(), random }))) {
        return fail("request.conflict", "Someone else changed these credentials meanwhile. Reload and try again.");
      }
      try {
        await runtime.relay(params.id).configChanged();
      } catch (error) {
        // The agent's next hello compares versions, so it gets them then.
        runtime.log.warn("relay.config_push_failed", { hostId: params.id, error });
      }
      const after = await loadRepositoryRow(db, params.id, row.id);
      return after ? ok(repositoryResource(after)) : noHost();
    },
  }),
];
