import { createServer } from "node:net";

/**
 * A TCP port on loopback that nothing listens on right now. It lies below the range from which the kernel takes the
 * ports of outgoing connections (32768 and up), so that nobody's connection sits on it while a server restarts there.
 * Prefer listening on port 0 where the program allows it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (await canListen(port)) return port;
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  const listening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return listening;
}
