/** The two functions of node:zlib that both runtimes have and this room uses. */
declare module "node:zlib" {
  export function deflateRaw(text: string, done: (error: Error | null, bytes: Uint8Array) => void): void;
  export function inflateRawSync(bytes: ArrayBuffer): Uint8Array;
}
