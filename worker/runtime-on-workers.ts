import { drizzle } from "drizzle-orm/d1";
import { readSecretKey, type ServerKeys } from "../core/secrets/secret-key.ts";
import { createPasswordHasher } from "./access/password.ts";
import { argon2idOnWorkers } from "./access/password-on-workers.ts";
import type { Database, Download, FleetFeedPort, HostRelayPort, Peer, PendingRelayPort, Runtime } from "./bindings.ts";
import { createLog } from "./log.ts";
import { VERSION } from "./version.ts";

/** Bindings and variables of wrangler.toml. RM_SECRET_KEY is a secret. */
export interface WorkerEnv {
  DB: D1Database;
  HOST_RELAY: DurableObjectNamespace;
  PENDING_RELAY: DurableObjectNamespace;
  FLEET_FEED: DurableObjectNamespace;
  ASSETS: Fetcher;
  RM_SECRET_KEY?: string;
  RM_PUBLIC_URL?: string;
  RM_CERT_SHA256?: string;
  RM_ALLOW_HTTP?: string;
}

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
/** Shared by every request of an isolate, so that one hash runs at a time and the WASM memory is kept. */
const passwords = createPasswordHasher(argon2idOnWorkers, random);
const log = createLog((line) => console.log(line), Date.now); // oxlint-disable-line no-console -- the log of a Worker

/** The keys of the environment. Throws when there is none or it cannot be used: nothing may run without. */
export function keysOf(env: Pick<WorkerEnv, "RM_SECRET_KEY">): ServerKeys {
  const keys = readSecretKey(env.RM_SECRET_KEY ?? "");
  if (!keys.ok)
    throw new Error(`RM_SECRET_KEY cannot be used: ${keys.why}. Set it with: wrangler secret put RM_SECRET_KEY`);
  return keys.value;
}

/** The relay of a host; one object for each host id. */
export function relayOf(env: Pick<WorkerEnv, "HOST_RELAY">, hostId: string) {
  return env.HOST_RELAY.getByName(hostId);
}
/** The sockets of a host that waits to be let in; one object for each announcement. */
export function pendingOf(env: Pick<WorkerEnv, "PENDING_RELAY">, pendingId: string) {
  return env.PENDING_RELAY.getByName(`pending:${pendingId}`);
}
/** The one object that holds dashboard sockets. */
export function feedOf(env: Pick<WorkerEnv, "FLEET_FEED">) {
  return env.FLEET_FEED.getByName("fleet");
}

async function download(env: WorkerEnv, name: string): Promise<Download | null> {
  const asset = await env.ASSETS.fetch(`https://assets.local/_agent/${encodeURIComponent(name)}`);
  if (!asset.ok || asset.body === null) return null;
  const isScript = name.endsWith(".sh");
  return {
    body: asset.body,
    contentType: isScript ? "text/x-shellscript; charset=utf-8" : "text/javascript; charset=utf-8",
  };
}

/** The seam of ARCHITECTURE on Workers. */
export function runtimeOf(env: WorkerEnv): Runtime {
  return {
    db: drizzle(env.DB) as Database,
    relay: (hostId) => relayOf(env, hostId) as unknown as HostRelayPort,
    pending: (pendingId) => pendingOf(env, pendingId) as unknown as PendingRelayPort,
    fleet: feedOf(env) as unknown as FleetFeedPort,
    passwords,
    ...keysOf(env),
    settings: {
      publicUrl: env.RM_PUBLIC_URL ? new URL(env.RM_PUBLIC_URL).origin : null,
      allowHttp: env.RM_ALLOW_HTTP === "1",
      certSha256: env.RM_CERT_SHA256 ?? null,
      version: VERSION,
    },
    now: Date.now,
    random,
    log,
    download: (name) => download(env, name),
  };
}

/** Who asks: only the platform's own header says the address, and its URL the scheme. */
export function peerOfRequest(request: Request): Peer {
  const url = new URL(request.url);
  const isLoopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  return {
    address: request.headers.get("cf-connecting-ip") ?? "",
    secure: url.protocol === "https:" || isLoopback,
    origin: url.origin,
  };
}
