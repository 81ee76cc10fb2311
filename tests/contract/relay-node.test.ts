import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe } from "vitest";
import { createNodeRelays, type NodeRelays } from "../../selfhost/relay-platform.ts";
import { clonesContract } from "./clones-contract.ts";
import { fleetContract, type FleetWorld } from "./fleet-contract.ts";
import { startSockets } from "./node-sockets.ts";
import { pendingContract, type PendingWorld } from "./pending-contract.ts";
import { relayContract } from "./relay-contract.ts";
import { TestOutside, type RelayWorld, type TestHost } from "./relay-world.ts";

/** Relay, pending relay and fleet feed on `ws` and better-sqlite3, their shells made anew between every two steps. */
let folder: string;
let sockets: Awaited<ReturnType<typeof startSockets>>;
const made: NodeRelays[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "restic-manager-relay-"));
  sockets = await startSockets();
});

afterAll(async () => {
  for (const relays of made) await relays.close();
  sockets.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("host relay", () => relayContract(async (host) => relayWorld(host)));
describe("pending relay", () => pendingContract(async (pendingId) => pendingWorld(pendingId)));
describe("clones", () => clonesContract(async (host) => relayWorld(host)));
describe("fleet feed", () => fleetContract(async () => fleetWorld()));

function newRelays() {
  const outside = new TestOutside();
  const file = join(folder, `${made.length}.db`);
  const relays = createNodeRelays({ file, outside, now: outside.now });
  made.push(relays);
  const world = {
    outside,
    evict: () => relays.evict(),
    async advance(ms: number) {
      outside.offsetMs += ms;
      relays.sweep();
      await relays.evict();
    },
  };
  return { relays, file, world };
}

function relayWorld(host: TestHost): RelayWorld {
  const { relays, file, world } = newRelays();
  return {
    ...world,
    relay: relays.relay(host.hostId),
    open: (upgrade) =>
      sockets.open((ws) => {
        if (upgrade.kind === "agent") relays.acceptAgent(ws, upgrade.grant);
        else relays.acceptBrowser(ws, upgrade.grant, host.hostId);
      }),
    async rows() {
      const db = new Database(file, { readonly: true });
      try {
        const tables = ["relay_hosts", "relay_jobs", "relay_ended", "relay_log", "relay_facts"];
        return JSON.stringify(tables.flatMap((table) => db.prepare(`SELECT * FROM ${table}`).all()));
      } finally {
        db.close();
      }
    },
  };
}

function pendingWorld(pendingId: string): PendingWorld {
  const { relays, world } = newRelays();
  return {
    ...world,
    relay: relays.pending(pendingId),
    open: (grant) => sockets.open((ws) => relays.acceptPending(ws, grant)),
  };
}

function fleetWorld(): FleetWorld {
  const { relays, world } = newRelays();
  return { ...world, feed: relays.fleet, open: (grant) => sockets.open((ws) => relays.acceptFleet(ws, grant)) };
}
