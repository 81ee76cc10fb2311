import { Agent, request } from "undici";
import { parseAddress } from "../../protocol/repository.ts";
import { dial } from "../link/dial.ts";
import type { RepositoryAccess } from "./environment.ts";

const ANSWER_WITHIN_MS = 20_000;

/** No snapshot has this id: it is no SHA-256 of anything. */
const NO_SNAPSHOT = "0".repeat(64);

/**
 * Whether a rest-server lets this login delete: asked by deleting a snapshot that does not exist. An append-only one
 * answers 403, the others 200 or 404 (rest-server 0.13 and 0.14). Null where that cannot be told: other storages, other
 * answers, no answer.
 */
export async function probeAppendOnly(
  access: RepositoryAccess,
  env: Readonly<Record<string, string | undefined>>,
  stop: AbortSignal,
): Promise<boolean | null> {
  const parsed = parseAddress(access.address);
  if (!parsed.ok || parsed.value.backend !== "rest") return null;
  const base = URL.parse(`${access.address.slice("rest:".length).replace(/\/$/, "")}/`);
  if (!base) return null;
  const dispatcher = new Agent({
    connect: (_options, callback) => {
      const open = async () => {
        try {
          callback(null, await dial(base, { env, certSha256: null, timeoutMs: ANSWER_WITHIN_MS }));
        } catch (error) {
          callback(error as Error, null);
        }
      };
      void open();
    },
    headersTimeout: ANSWER_WITHIN_MS,
    bodyTimeout: ANSWER_WITHIN_MS,
  });
  try {
    const response = await request(new URL(`snapshots/${NO_SNAPSHOT}`, base), {
      method: "DELETE",
      headers: authorization(access.env),
      dispatcher,
      signal: stop,
    });
    await response.body.dump();
    if (response.statusCode === 403) return true;
    return response.statusCode === 200 || response.statusCode === 404 ? false : null;
  } catch {
    return null;
  } finally {
    await dispatcher.destroy();
  }
}

function authorization(env: Readonly<Record<string, string>>): Record<string, string> {
  const username = env["RESTIC_REST_USERNAME"];
  if (username === undefined) return {};
  const login = Buffer.from(`${username}:${env["RESTIC_REST_PASSWORD"] ?? ""}`).toString("base64");
  return { authorization: `Basic ${login}` };
}
