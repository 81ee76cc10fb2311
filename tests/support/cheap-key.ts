import { createCipheriv, createHash, randomBytes, scryptSync } from "node:crypto";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { runRestic, type RepositoryAccess } from "./restic.ts";

/**
 * Exchanges the keys of a repository on this disk for one whose password is quick to try: a tenth of a second per
 * restic command instead of half a second of CPU. For repositories that a test opens a hundred times and throws away.
 * The format is in restic's design document, "Keys, Encryption and MAC".
 */
export async function useCheapKey(binary: string, repository: RepositoryAccess): Promise<void> {
  const master = await runRestic(binary, repository, ["cat", "masterkey"]);
  if (master.code !== 0) throw new Error(`restic cat masterkey ended with ${master.code}: ${master.stderr}`);
  const cost = { N: 128, r: 1, p: 1 };
  const salt = randomBytes(64);
  const derived = scryptSync(repository.password, salt, 64, cost);
  const key = {
    created: "2026-01-01T00:00:00Z",
    username: "test",
    hostname: "test",
    kdf: "scrypt",
    ...cost,
    salt: salt.toString("base64"),
    data: encrypt(derived, Buffer.from(master.stdout)).toString("base64"),
  };
  const content = JSON.stringify(key);
  const folder = join(repository.address, "keys");
  const before = readdirSync(folder);
  writeFileSync(join(folder, createHash("sha256").update(content).digest("hex")), content);
  for (const name of before) rmSync(join(folder, name));
}

/** AES-256-CTR and Poly1305-AES; `keys` = 32 bytes for the first, k and r of 16 bytes each for the second. */
function encrypt(keys: Uint8Array, plaintext: Uint8Array): Buffer {
  const nonce = randomBytes(16);
  const cipher = createCipheriv("aes-256-ctr", keys.subarray(0, 32), nonce);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const pad = createCipheriv("aes-128-ecb", keys.subarray(32, 48), null).setAutoPadding(false);
  const s = Buffer.concat([pad.update(nonce), pad.final()]);
  return Buffer.concat([nonce, ciphertext, poly1305(ciphertext, Buffer.concat([keys.subarray(48, 64), s]))]);
}
