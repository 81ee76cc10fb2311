import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createOutside } from "../durable-objects/outside.ts";
import { offerSetUp } from "../worker/access/bootstrap.ts";
import { createPasswordHasher } from "../worker/access/password.ts";
import { createApp } from "../worker/app.ts";
import type { FleetFeedPort, Runtime } from "../worker/bindings.ts";
import { createLog } from "../worker/log.ts";
import { ROUTES } from "../worker/routes/index.ts";
import { runDue } from "../worker/run-due.ts";
import { findUnknownKeyId } from "../worker/store/sealed-under.ts";
import { VERSION } from "../worker/version.ts";
import type { Config, Read } from "./config.ts";
import { consoleFilesOf } from "./console-files.ts";
import { databaseOn, openSqlite } from "./d1-on-sqlite.ts";
import { openDataDir } from "./data-dir.ts";
import { downloadsFrom } from "./downloads.ts";
import { everyMinute } from "./every-minute.ts";
import { createWeb } from "./http-server.ts";
import { migrate } from "./migrate.ts";
import { argon2idOnNode } from "./password.ts";
import { createNodeRelays } from "./relay-platform.ts";
import { acceptUpgrades } from "./upgrades.ts";
import { verifyNatively } from "./verify.ts";

const FINISH_WITHIN_MS = 10_000;

/** Where the parts lie that are built or shipped beside the server. */
export interface Place {
  migrations: string;
  console: string;
  downloads: readonly string[];
  /** Takes one log line. */
  write(line: string): void;
}

export interface RunningServer {
  /** Where it listens, such as http://127.0.0.1:8080. */
  address: string;
  /** Stops accepting, finishes what is being answered, lets the relays write all they hold, and closes the databases. */
  stop(why: string): Promise<void>;
}

/** Starts the self-hosted server, or says in a sentence why it cannot. */
export async function startServer(config: Config, place: Place): Promise<Read<RunningServer>> {
  const log = createLog(place.write, Date.now);
  const opened = openDataDir(config.dataDir);
  if (!opened) {
    return {
      ok: false,
      why: `Another server uses the data directory ${config.dataDir}. Stop it first, or set RM_DATA_DIR to another directory.`,
    };
  }
  const dataDir = opened;
  const sqlite = openSqlite(dataDir.file("main.db"));
  try {
    const { applied, copy } = migrate(sqlite, place.migrations, Date.now());
    if (applied.length > 0) log.info("database.migrated", { applied, copy });
  } catch (error) {
    sqlite.close();
    dataDir.release();
    return { ok: false, why: error instanceof Error ? error.message : String(error) };
  }

  const db = databaseOn(sqlite);
  const { secretKeys, grantKey } = config.keys;
  const unknownKeyId = await findUnknownKeyId(
    db,
    secretKeys.map((key) => key.id),
  );
  if (unknownKeyId !== null) {
    sqlite.close();
    dataDir.release();
    return {
      ok: false,
      why: `The stored secrets are sealed under another key (${unknownKeyId}) than the one given (${secretKeys[0].id}). Start with the key this data directory was made with.`,
    };
  }
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const fleet: Pick<FleetFeedPort, "publish"> = { publish: (messages) => relays.fleet.publish(messages) };
  const outside = createOutside({
    db,
    secretKeys,
    grantKey,
    fleet,
    now: Date.now,
    random,
    log,
    verify: verifyNatively,
  });
  const relays = createNodeRelays({ file: dataDir.file("relay.db"), outside, now: Date.now });
  const runtime: Runtime = {
    db,
    relay: (hostId) => relays.relay(hostId),
    pending: (pendingId) => relays.pending(pendingId),
    fleet: relays.fleet,
    passwords: createPasswordHasher(argon2idOnNode, random),
    secretKeys,
    grantKey,
    settings: {
      publicUrl: config.publicUrl,
      allowHttp: config.allowHttp,
      certSha256: config.certSha256,
      version: VERSION,
    },
    now: Date.now,
    random,
    log,
    download: downloadsFrom(place.downloads),
  };

  const proxies = config.trustedProxies;
  const web = createWeb(createApp(ROUTES), runtime, consoleFilesOf(place.console), proxies);
  const refuseUpgrades = acceptUpgrades(web.server, runtime, proxies, (socket, upgrade) => {
    if (upgrade.kind === "agent") relays.acceptAgent(socket, upgrade.grant);
    else if (upgrade.kind === "job") relays.acceptBrowser(socket, upgrade.grant, upgrade.hostId);
    else if (upgrade.kind === "pending") relays.acceptPending(socket, upgrade.grant);
    else relays.acceptFleet(socket, upgrade.grant);
  });

  const name = config.host.includes(":") ? `[${config.host}]` : config.host;
  await offerSetUp(runtime, config.publicUrl ?? `http://${name}:${config.port}`);
  web.server.listen(config.port, config.host);
  try {
    await once(web.server, "listening");
  } catch (error) {
    await relays.close();
    sqlite.close();
    dataDir.release();
    return { ok: false, why: `Cannot listen on ${config.host}:${config.port}: ${String(error)}. Set RM_LISTEN.` };
  }
  const bound = web.server.address() as { port: number };
  const address = `http://${name}:${bound.port}`;
  log.info("server.started", { address, version: VERSION, node: process.versions.node });
  const endMinutes = everyMinute(() => runDue(runtime));

  async function stop(why: string): Promise<void> {
    log.info("server.stopping", { why });
    refuseUpgrades();
    const closed = once(web.server, "close");
    web.server.close();
    web.server.closeIdleConnections();
    const deadline = AbortSignal.timeout(FINISH_WITHIN_MS);
    await Promise.race([web.idle(), once(deadline, "abort")]);
    await endMinutes();
    await relays.close();
    web.server.closeAllConnections();
    await Promise.race([closed, once(AbortSignal.timeout(FINISH_WITHIN_MS), "abort")]);
    sqlite.close();
    dataDir.release();
    log.info("server.stopped");
  }
  return { ok: true, value: { address, stop } };
}
