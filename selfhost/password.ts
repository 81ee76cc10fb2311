import { argon2id as hashWasmArgon2id } from "hash-wasm";
import type { Argon2id } from "../worker/access/password.ts";

/** argon2id by hash-wasm: node:crypto has it only from Node 24.7 on, and older ones are supported. */
export const argon2idOnNode: Argon2id = ({ password, salt, memoryKiB, passes, lanes, tagBytes }) =>
  hashWasmArgon2id({
    password,
    salt,
    memorySize: memoryKiB,
    iterations: passes,
    parallelism: lanes,
    hashLength: tagBytes,
    outputType: "binary",
  });
