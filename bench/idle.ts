import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { startCeiling } from "./ceiling.ts";
import type { Child } from "./child.ts";
import { connectAgent, inFlight, makeHosts, type SimulatedHost } from "./fleet.ts";
import { startProductServer } from "./product-server.ts";
import { abba, atMost, best, type Row } from "./row.ts";

const count = 4000;

/**
 * (a) Idle authenticated agents on Node: anonymous memory of the server for each one held, after a round of beats and a
 * garbage collection.
 */
export async function idle(): Promise<Row[]> {
  const hosts = makeHosts(count);
  const measured = await abba({
    async product() {
      const server = await startProductServer(hosts);
      try {
        return await kibEach(
          server.child,
          hosts,
          async (host) => (await connectAgent(server.origin, fresh(host))).socket,
        );
      } finally {
        await server.stop();
      }
    },
    async ceiling() {
      const server = await startCeiling("idle", hosts);
      try {
        return await kibEach(server.child, hosts, (host) => bareSocket(server.origin, host));
      } finally {
        await server.stop();
      }
    },
  });
  return [atMost("a. idle agent held", "KiB", best(measured.product), best(measured.ceiling), 1.5)];
}

const fresh = (host: SimulatedHost): SimulatedHost => ({ ...host, join: 0 });

function bareSocket(origin: string, host: SimulatedHost): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${origin.replace("http", "ws")}/agent`, {
      headers: { authorization: `Bearer ${host.bearer}` },
      perMessageDeflate: false,
    });
    socket.once("error", reject);
    socket.once("open", () => resolve(socket));
  });
}

/** A tenth connects first and is dropped, so that code and heap are warm on both sides before the base is taken. */
async function kibEach(
  child: Child,
  hosts: readonly SimulatedHost[],
  dial: (host: SimulatedHost) => Promise<WebSocket>,
): Promise<number> {
  const warm: WebSocket[] = [];
  await inFlight(hosts.slice(0, count / 10), 64, async (host) => void warm.push(await dial(host)));
  for (const socket of warm) socket.terminate();
  await sleep(3000);
  await child.collectGarbage();
  const baseKib = child.anonymousKib();
  const sockets: WebSocket[] = [];
  await inFlight(hosts.slice(count / 10), 64, async (host) => void sockets.push(await dial(host)));
  for (const socket of sockets) socket.send("rm-ping");
  await sleep(8000);
  await child.collectGarbage();
  const each = (child.anonymousKib() - baseKib) / sockets.length;
  for (const socket of sockets) socket.terminate();
  return each;
}
