import { readFileSync, renameSync } from "node:fs";
import * as v from "valibot";
import { fromBase64url } from "../../core/bytes.ts";
import type { RandomBytes } from "../../core/ids.ts";
import { openAtRest, sealAtRest, type Place, type SealKey } from "../../core/secrets/at-rest.ts";
import { openOnHost } from "../../core/secrets/to-host.ts";
import { fail, ok, type FailureCode, type Result } from "../../protocol/failure.ts";
import { repositorySecretSchema } from "../../protocol/repository.ts";
import { count, text, timeMs, uuid } from "../../protocol/scalars.ts";
import { lentContext, sealContext, type ServerMessage, type WireRepository } from "../../protocol/wire.ts";
import type { AgentConfig } from "../config/config.ts";
import { isSystemError, writeFileAtomically } from "../disk/atomic-file.ts";
import { destinationOf, type RepositoryAccess } from "../restic/environment.ts";

type ConfigUpdate = Extract<ServerMessage, { type: "config.update" }>;

const entrySchema = v.object({
  repositoryId: uuid,
  address: text,
  purpose: v.picklist(["write", "admin", "read"]),
  secret: repositorySecretSchema,
  jobId: v.optional(uuid),
  notAfterMs: v.optional(timeMs),
});
const contentSchema = v.object({ version: count, repositories: v.array(entrySchema) });
type Entry = v.InferOutput<typeof entrySchema>;
type Content = v.InferOutput<typeof contentSchema>;

/**
 * The repository credentials of this host, in secrets.enc: XChaCha20-Poly1305 under the vault key of agent.yaml.
 * Every question opens the file afresh, so that no secret stays in memory between jobs.
 */
export class Vault {
  readonly #path: string;
  readonly #hostId: string;
  readonly #key: SealKey;
  readonly #sealKey: Uint8Array;
  readonly #random: RandomBytes;

  constructor(path: string, config: AgentConfig, random: RandomBytes) {
    const key = fromBase64url(config.vaultKey);
    const sealKey = fromBase64url(config.sealKey);
    if (!key || !sealKey) throw new Error("keys of agent.yaml are not base64url");
    this.#path = path;
    this.#hostId = config.hostId;
    this.#key = { id: "vault", key };
    this.#sealKey = sealKey;
    this.#random = random;
  }

  /** The version of the credentials held; 0 when there are none, so that the server sends them again. */
  version(): number {
    const opened = this.#open();
    return opened.is === "open" ? opened.content.version : 0;
  }

  /** Where the repositories lie that this host may write to, as `destinationOf` names it; none when that cannot be read. */
  destinations(): { repositoryId: string; address: string }[] {
    const opened = this.#open();
    if (opened.is !== "open") return [];
    return opened.content.repositories.flatMap(({ repositoryId, address, purpose, jobId, secret }) =>
      purpose === "write" && jobId === undefined
        ? [{ repositoryId, address: destinationOf({ address, env: secret.env }) }]
        : [],
    );
  }

  /**
   * Takes over the whole set, in one atomic write. Answers which credentials were not made for this host's key; they
   * are not held. Throws the system's error when the file cannot be written.
   */
  apply(update: ConfigUpdate): { id: string; code: FailureCode }[] {
    const refused: { id: string; code: FailureCode }[] = [];
    const repositories: Entry[] = [];
    for (const { repositoryId, address, purpose, sealed, version, jobId, notAfterMs } of update.repositories) {
      const plaintext = openOnHost(this.#sealKey, sealContext(this.#hostId, repositoryId, version), sealed);
      const secret = plaintext === null ? null : parseJson(repositorySecretSchema, plaintext);
      if (!secret) {
        refused.push({ id: repositoryId, code: "agent.vault_unreadable" });
        continue;
      }
      const lent = { ...(jobId === undefined ? {} : { jobId }), ...(notAfterMs === undefined ? {} : { notAfterMs }) };
      repositories.push({ repositoryId, address, purpose, secret, ...lent });
    }
    const content: Content = { version: update.version, repositories };
    writeFileAtomically(this.#path, sealAtRest(this.#key, this.#place, JSON.stringify(content), this.#random));
    return refused;
  }

  /** What opens a repository for writing. */
  access(repositoryId: string): Result<RepositoryAccess> {
    const opened = this.#open();
    if (opened.is === "unreadable")
      return fail("agent.vault_unreadable", `The stored credentials cannot be read: ${opened.why}.`, { retry: true });
    const content = opened.is === "open" ? opened.content : null;
    const entry = content?.repositories.find(
      (one) => one.repositoryId === repositoryId && one.purpose === "write" && one.jobId === undefined,
    );
    if (!entry)
      return fail(
        "repository.credentials_missing",
        "This host holds no credentials for the repository. Enter them again in the host's settings.",
      );
    return ok({ address: entry.address, password: entry.secret.password, env: entry.secret.env });
  }

  /**
   * What opens a repository with a credential lent to one job: in memory only, never kept here. Fails when it was made
   * for another host, repository or job. Its end of life is the job's own: an accepted job may wait for its turn.
   */
  accessLent(lent: WireRepository, job: { jobId: string; repositoryId: string }): Result<RepositoryAccess> {
    const { version, sealed, address } = lent;
    const context = lentContext(this.#hostId, job.repositoryId, version, job.jobId);
    const plaintext = openOnHost(this.#sealKey, context, sealed);
    const secret = plaintext === null ? null : parseJson(repositorySecretSchema, plaintext);
    if (!secret) {
      const why = "The credential lent for this job was not sealed for it and this host. Run the job again.";
      return fail("agent.vault_unreadable", why, { retry: true });
    }
    return ok({ address, password: secret.password, env: secret.env });
  }

  get #place(): Place {
    return { table: "agent", row: this.#hostId, column: "secrets", version: 1 };
  }

  #open(): { is: "open"; content: Content } | { is: "none" } | { is: "unreadable"; why: string } {
    try {
      const sealed = readFileSync(this.#path, "utf8").trim();
      const plaintext = openAtRest([this.#key], this.#place, sealed);
      const content = plaintext === null ? null : parseJson(contentSchema, plaintext);
      if (content) return { is: "open", content };
      // Damaged or of another key: set aside for a look, and asked for anew by version 0.
      renameSync(this.#path, `${this.#path}.unreadable`);
      return { is: "unreadable", why: "the file is damaged; the server sends it again when the agent reconnects" };
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return error.code === "ENOENT" ? { is: "none" } : { is: "unreadable", why: error.message };
    }
  }
}

function parseJson<T>(schema: v.GenericSchema<unknown, T>, text: string): T | null {
  try {
    const parsed = v.safeParse(schema, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
