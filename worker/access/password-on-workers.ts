import setupWasm, { type computeHash } from "argon2id/lib/setup.js";
// Workers refuse to compile WebAssembly at run time; an imported module is compiled when the Worker is deployed.
import simd from "argon2id/dist/simd.wasm";
import type { Argon2id } from "./password.ts";

let loaded: Promise<computeHash> | null = null;

async function instance(imports: WebAssembly.Imports): Promise<{ instance: WebAssembly.Instance; module: never }> {
  return { instance: await WebAssembly.instantiate(simd, imports), module: undefined as never };
}

/** argon2id by the npm package of that name; its memory is kept between calls, one call at a time. */
export const argon2idOnWorkers: Argon2id = async ({ password, salt, memoryKiB, passes, lanes, tagBytes }) => {
  loaded ??= setupWasm(instance as never, instance as never);
  const compute = await loaded;
  return compute({ password, salt, memorySize: memoryKiB, passes, parallelism: lanes, tagLength: tagBytes });
};
