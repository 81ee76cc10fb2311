import { sign } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { startCeiling } from "./ceiling.ts";
import type { Child } from "./child.ts";
import { connectAgent, inFlight, makeHosts, type SimulatedHost } from "./fleet.ts";
import { startProductServer } from "./product-server.ts";
import { abba, atMost, best, type Row } from "./row.ts";

const count = 5000;
const note =
  "where the ceiling keeps one row, a reconnect keeps two (the accepted hello, and the join number the agent stored) and reads the host's relay from storage first.";

/** (c) A reconnect storm after the server was killed: server CPU for each agent that is live again. */
export async function storm(): Promise<Row[]> {
  const hosts = makeHosts(count);
  const measured = await abba({
    async product() {
      const own = hosts.map((host) => ({ ...host }));
      const server = await startProductServer(own);
      try {
        await reconnectCpuMs(
          () => server.child,
          own,
          async (host) => (await connectAgent(server.origin, host)).socket,
        );
        await server.restart();
        return await reconnectCpuMs(
          () => server.child,
          own,
          async (host) => (await connectAgent(server.origin, host)).socket,
        );
      } finally {
        await server.stop();
      }
    },
    async ceiling() {
      const server = await startCeiling("storm", hosts);
      try {
        await reconnectCpuMs(
          () => server.child,
          hosts,
          (host) => provenSocket(server.origin, host),
        );
        await server.restart();
        return await reconnectCpuMs(
          () => server.child,
          hosts,
          (host) => provenSocket(server.origin, host),
        );
      } finally {
        await server.stop();
      }
    },
  });
  return [atMost("c. reconnect storm, CPU an agent", "ms", best(measured.product), best(measured.ceiling), 1.5, note)];
}

async function reconnectCpuMs(
  child: () => Child,
  hosts: readonly SimulatedHost[],
  dial: (host: SimulatedHost) => Promise<WebSocket>,
): Promise<number> {
  await sleep(1000);
  const before = child().cpuMs();
  const sockets: WebSocket[] = [];
  await inFlight(hosts, 256, async (host) => void sockets.push(await dial(host)));
  await sleep(2000); // what was put off to a later turn counts too
  const cpuMs = child().cpuMs() - before;
  for (const socket of sockets) {
    socket.removeAllListeners("close");
    socket.terminate();
  }
  await sleep(500);
  return cpuMs / hosts.length;
}

/** Token, challenge, signature, answer: the ceiling's handshake. */
function provenSocket(origin: string, host: SimulatedHost): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${origin.replace("http", "ws")}/agent`, {
      headers: { authorization: `Bearer ${host.bearer}` },
      perMessageDeflate: false,
    });
    socket.once("error", reject);
    socket.on("message", (data: Buffer) => {
      const { nonce } = JSON.parse(data.toString()) as { nonce?: string };
      if (nonce === undefined) resolve(socket);
      else {
        const signature = sign(null, Buffer.from(nonce), host.secretKey).toString("base64url");
        socket.send(JSON.stringify({ signature }));
      }
    });
  });
}
