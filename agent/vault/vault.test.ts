import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { toBase64url } from "../../core/bytes.ts";
import { makeSealPair, sealToHost } from "../../core/secrets/to-host.ts";
import { lentContext, sealContext, type ServerMessage } from "../../protocol/wire.ts";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import type { AgentConfig } from "../config/config.ts";
import { Vault } from "./vault.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const hostId = "0198c2f0-79b0-7000-8000-00000000000a";
const repositoryId = "0198c2f0-79b0-7000-8000-00000000000b";
const otherId = "0198c2f0-79b0-7000-8000-00000000000c";
const pair = makeSealPair(random);
const config = { hostId, sealKey: toBase64url(pair.secretKey), vaultKey: toBase64url(random(32)) } as AgentConfig;
const secret = { password: "canary-password", env: { RESTIC_REST_USERNAME: "canary-user" } };

let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder("vault");
  path = join(folder, "secrets.enc");
});
afterEach(() => removeFolder(folder));

function update(version: number, sealedFor: { hostId: string; version: number }, text = JSON.stringify(secret)) {
  const context = sealContext(sealedFor.hostId, repositoryId, sealedFor.version);
  const sealed = sealToHost(pair.publicKey, context, text, random);
  return {
    type: "config.update",
    version,
    repositories: [{ repositoryId, address: "/srv/repo", purpose: "write", sealed, version }],
  } satisfies ServerMessage;
}

test("what was sealed for this host opens for the next job, also after a restart, and nothing of it is in clear", () => {
  expect(new Vault(path, config, random).apply(update(3, { hostId, version: 3 }))).toEqual([]);
  const vault = new Vault(path, config, random);
  expect(vault.version()).toBe(3);
  expect(vault.access(repositoryId)).toEqual({ ok: true, value: { address: "/srv/repo", ...secret } });
  expect(vault.access(otherId)).toMatchObject({ failure: { code: "repository.credentials_missing" } });
  expect(readFileSync(path, "latin1")).not.toMatch(/canary|srv/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("what was sealed for another host or version, or holds an unknown variable, is refused by name", () => {
  const vault = new Vault(path, config, random);
  const refused = [{ id: repositoryId, code: "agent.vault_unreadable" }];
  expect(vault.apply(update(3, { hostId: otherId, version: 3 }))).toEqual(refused);
  expect(vault.apply(update(3, { hostId, version: 2 }))).toEqual(refused);
  const env = JSON.stringify({ password: "x", env: { LD_PRELOAD: "/evil.so" } });
  expect(vault.apply(update(3, { hostId, version: 3 }, env))).toEqual(refused);
  expect(vault.access(repositoryId).ok).toBe(false);
});

test("a damaged file is set aside and asked for anew, and no job runs on it", () => {
  const vault = new Vault(path, config, random);
  vault.apply(update(3, { hostId, version: 3 }));
  writeFileSync(path, readFileSync(path, "utf8").replace(/....$/, "AAAA"));
  expect(vault.access(repositoryId)).toMatchObject({ failure: { code: "agent.vault_unreadable" } });
  expect(existsSync(path)).toBe(false);
  expect(existsSync(`${path}.unreadable`)).toBe(true);
  expect(vault.version()).toBe(0);
});

test("a lent credential opens for its own job and repository alone, and is kept nowhere", () => {
  const vault = new Vault(path, config, random);
  const sealed = sealToHost(
    pair.publicKey,
    lentContext(hostId, repositoryId, 7, "job-1"),
    JSON.stringify(secret),
    random,
  );
  const lent = { repositoryId, address: "/srv/admin", purpose: "admin", sealed, version: 7 } as const;
  expect(vault.accessLent(lent, { jobId: "job-1", repositoryId })).toEqual({
    ok: true,
    value: { address: "/srv/admin", ...secret },
  });
  const refused = { failure: { code: "agent.vault_unreadable" } };
  expect(vault.accessLent(lent, { jobId: "job-2", repositoryId })).toMatchObject(refused);
  expect(vault.accessLent(lent, { jobId: "job-1", repositoryId: otherId })).toMatchObject(refused);
  expect(existsSync(path)).toBe(false);
});
