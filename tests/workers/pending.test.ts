import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { pendingContract } from "../contract/pending-contract.ts";
import { clientOf } from "./client.ts";
import { outsideOf, type TestPendingRelay } from "./worker.ts";

/** The pending relay in workerd, its object evicted between every two steps; sockets hibernate meanwhile. */
const namespace = (env as unknown as { PENDING_RELAY: DurableObjectNamespace<TestPendingRelay> }).PENDING_RELAY;

pendingContract(async (pendingId) => {
  const stub = () => namespace.getByName(`pending:${pendingId}`);
  const outside = outsideOf(`pending:${pendingId}`);
  const evict = () =>
    evictDurableObject(stub()).catch((error: unknown) => {
      // An object that is not in memory need not be evicted.
      if (!/not currently running/.test(String(error))) throw error;
    });
  return {
    relay: { decided: () => stub().decided() },
    outside,
    evict,
    async open(grant) {
      const upgrade = { kind: "pending", subprotocol: "rm.1", grant };
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
  };
});
