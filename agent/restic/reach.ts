import { parseAddress } from "../../protocol/repository.ts";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import { openTcp } from "../link/dial.ts";
import { bareHost, proxyFor } from "../link/proxy.ts";
import { resticFailure } from "./failures.ts";

/** restic 0.18 tries for 14 minutes to reach a server that is not there; this asks first. */
const REACH_WITHIN_MS = 10_000;

/** Whether the storage server of a `rest:` or `s3:` address takes a connection; other backends are not asked. */
export async function reachRepository(
  address: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<null>> {
  const parsed = parseAddress(address);
  if (!parsed.ok) return parsed;
  const url = storageUrl(parsed.value.backend, address);
  if (!url) return ok(null);
  const proxy = proxyFor(url, env);
  const target = proxy ?? url;
  const port = Number(target.port || (target.protocol === "http:" ? 80 : 443));
  try {
    const socket = await openTcp(bareHost(target.hostname), port, REACH_WITHIN_MS);
    socket.destroy();
    return ok(null);
  } catch (error) {
    const { code, message, retry } = resticFailure("repository.unreachable");
    return fail(code, message, { retry, detail: (error as Error).message });
  }
}

function storageUrl(backend: string, address: string): URL | null {
  if (backend === "rest") return URL.parse(address.slice("rest:".length));
  if (backend !== "s3") return null;
  const rest = address.slice("s3:".length);
  return URL.parse(/^https?:\/\//.test(rest) ? rest : `https://${rest}`);
}
