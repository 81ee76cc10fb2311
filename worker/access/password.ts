import type { RandomBytes } from "../../core/ids.ts";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import type { PasswordHasher } from "../bindings.ts";
import { formatPhc, parsePhc, PHC_DEFAULTS, type Phc } from "./phc.ts";

/** argon2id version 19 (RFC 9106) of one implementation: the tag, of `tagBytes` bytes. */
export type Argon2id = (input: Omit<Phc, "tag"> & { password: Uint8Array; tagBytes: number }) => Promise<Uint8Array>;

const MAX_WAITING = 16;
const RETRY_AFTER_MS = 2_000;
/** New passwords have 12 characters or more, so a shorter one than this is wrong for everybody. */
const MIN_PASSWORD_BYTES = 8;

/** NFC, so that the same password typed on two keyboards is the same bytes (RFC 8265 section 4.2). */
function passwordBytes(password: string): Uint8Array {
  return new TextEncoder().encode(password.normalize("NFC"));
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < Math.min(a.length, b.length); i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** The password port over one argon2id implementation: PHC strings, one hash at a time, a bounded queue. */
export function createPasswordHasher(argon2id: Argon2id, random: RandomBytes): PasswordHasher {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  async function inTurn<T>(work: () => Promise<T>): Promise<Result<T>> {
    if (waiting >= MAX_WAITING) {
      const message = "Too many people are signing in at once. Try again in a moment.";
      return fail("server.unavailable", message, { retry: true, retryAfterMs: RETRY_AFTER_MS });
    }
    waiting++;
    const turn = last.then(work).finally(() => waiting--);
    last = turn.catch(() => {});
    return ok(await turn);
  }

  const nobody: Phc = {
    memoryKiB: PHC_DEFAULTS.memoryKiB,
    passes: PHC_DEFAULTS.passes,
    lanes: PHC_DEFAULTS.lanes,
    salt: new Uint8Array(PHC_DEFAULTS.saltBytes),
    tag: new Uint8Array(PHC_DEFAULTS.tagBytes),
  };

  return {
    hash: (password) =>
      inTurn(async () => {
        const { saltBytes, tagBytes, ...cost } = PHC_DEFAULTS;
        const salt = random(saltBytes);
        const tag = await argon2id({ ...cost, salt, tagBytes, password: passwordBytes(password) });
        return formatPhc({ ...cost, salt, tag });
      }),
    async verify(password, phc) {
      const stored = phc === null ? null : parsePhc(phc);
      const { tag, ...cost } = stored ?? nobody;
      const given = passwordBytes(password);
      if (given.length < MIN_PASSWORD_BYTES) return ok(false);
      const computed = await inTurn(() => argon2id({ ...cost, tagBytes: tag.length, password: given }));
      return computed.ok ? ok(sameBytes(computed.value, tag) && stored !== null) : computed;
    },
  };
}
