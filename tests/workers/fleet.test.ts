import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { FleetFeedPort } from "../../worker/bindings.ts";
import { fleetContract } from "../contract/fleet-contract.ts";
import { clientOf } from "./client.ts";
import { outsideOf, type TestFleetFeed } from "./worker.ts";

/** The fleet feed in workerd, its object evicted between every two steps. */
const namespace = (env as unknown as { FLEET_FEED: DurableObjectNamespace<TestFleetFeed> }).FLEET_FEED;
let made = 0;

fleetContract(async () => {
  const name = `feed-${++made}`;
  const stub = () => namespace.getByName(name);
  const outside = outsideOf("fleet");
  outside.offsetMs = 0;
  const evict = () =>
    evictDurableObject(stub()).catch((error: unknown) => {
      // An object that is not in memory need not be evicted.
      if (!/not currently running/.test(String(error))) throw error;
    });
  return {
    feed: {
      publish: (messages) => stub().publish(messages) as ReturnType<FleetFeedPort["publish"]>,
      noteJobSocket: (sessionHash, hostId, untilMs) => stub().noteJobSocket(sessionHash, hostId, untilMs),
      closeSession: (sessionHash) => stub().closeSession(sessionHash),
    },
    outside,
    evict,
    async open(grant) {
      const upgrade = { kind: "fleet", subprotocol: "rm.browser.1", grant };
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
