import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { clonesContract } from "../contract/clones-contract.ts";
import { relayContract } from "../contract/relay-contract.ts";
import { type RelayWorld, type TestHost, type TestUpgrade } from "../contract/relay-world.ts";
import type { HostRelayPort } from "../../worker/bindings.ts";
import { clientOf } from "./client.ts";
import { outsideOf, type TestHostRelay } from "./worker.ts";

/** The relay in workerd, its object evicted between every two steps; sockets hibernate meanwhile. */
const namespace = (env as unknown as { HOST_RELAY: DurableObjectNamespace<TestHostRelay> }).HOST_RELAY;

relayContract(async (host) => objectWorld(host));
clonesContract(async (host) => objectWorld(host));

async function objectWorld(host: TestHost): Promise<RelayWorld> {
  const outside = outsideOf(host.hostId);
  const stub = () => namespace.getByName(host.hostId);
  const evict = () =>
    evictDurableObject(stub()).catch((error: unknown) => {
      // An object that is not in memory need not be evicted.
      if (!/not currently running/.test(String(error))) throw error;
    });
  const ask =
    <K extends keyof HostRelayPort>(name: K) =>
    (...args: Parameters<HostRelayPort[K]>) =>
      (stub() as unknown as Record<K, (...args: unknown[]) => unknown>)[name](...args) as ReturnType<HostRelayPort[K]>;
  return {
    relay: {
      enqueue: ask("enqueue"),
      cancel: ask("cancel"),
      chooseClaimant: ask("chooseClaimant"),
      configChanged: ask("configChanged"),
      scheduleChanged: ask("scheduleChanged"),
      isOnline: ask("isOnline"),
      readLog: ask("readLog"),
      closeSession: ask("closeSession"),
      remove: ask("remove"),
    },
    outside,
    evict,
    async open(upgrade: TestUpgrade) {
      const response = await stub().fetch("https://object.local/", {
        headers: { upgrade: "websocket", "x-rm-upgrade": JSON.stringify(upgrade) },
      });
      return clientOf(response.webSocket!);
    },
    async advance(ms) {
      outside.offsetMs += ms;
      await runDurableObjectAlarm(stub());
      await evict();
    },
    rows: () =>
      runInDurableObject(stub(), (_object, state) => {
        const tables = ["relay_hosts", "relay_jobs", "relay_ended", "relay_log", "relay_facts"];
        return JSON.stringify(tables.flatMap((table) => state.storage.sql.exec(`SELECT * FROM ${table}`).toArray()));
      }),
  };
}
