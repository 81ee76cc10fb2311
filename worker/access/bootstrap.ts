import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import type { RandomBytes } from "../../core/ids.ts";
import type { Database } from "../bindings.ts";
import { replaceBootstrapToken } from "../store/bootstrap.ts";

/**
 * A fresh set-up token while there is no user yet, else null. Only its hash is kept, so every start of a server that
 * has no administrator shows a new one and the one before it is void.
 */
export async function offerBootstrap(db: Database, nowMs: number, random: RandomBytes): Promise<string | null> {
  const token = makeToken("bootstrap", random);
  return (await replaceBootstrapToken(db, hashToken(token), nowMs)) ? token : null;
}
