import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import type { Runtime } from "../bindings.ts";
import { loadBootstrapHash, replaceBootstrapToken } from "../store/bootstrap.ts";

type Parts = Pick<Runtime, "db" | "log" | "now" | "random">;

/**
 * While there is no user yet: makes a set-up token in place of any before it and shows it in the log, with the address
 * where it is used. Answers it, or null once a user exists. Only its hash is kept.
 */
export async function offerSetUp(runtime: Parts, address: string): Promise<string | null> {
  const token = makeToken("bootstrap", runtime.random);
  if (!(await replaceBootstrapToken(runtime.db, hashToken(token), runtime.now()))) return null;
  runtime.log.info("setup.waiting", { say: `Open ${address} and set up with the token ${token}` });
  return token;
}

/** Offers set-up where no start of a server has done so: a Worker has no start. */
export async function offerSetUpOnce(runtime: Parts, address: string): Promise<void> {
  if ((await loadBootstrapHash(runtime.db)) === null) await offerSetUp(runtime, address);
}
