import { createServer as createTcpServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { testCertificate, testKey, testPin } from "../../tests/support/certificate.ts";
import { dial } from "./dial.ts";
import { isLoopback, proxyFor } from "./proxy.ts";
import { checkServer, socketUrl } from "./server-url.ts";

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) await new Promise<void>((resolve) => server.close(() => resolve()));
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
/** Answers each connection with "hello", over TLS when it has a certificate. */
const greeter = () =>
  createTlsServer({ key: testKey, cert: testCertificate }, (socket) => socket.on("error", () => {}).write("hello"));

/** A CONNECT proxy that leads everywhere to `port`, and keeps what it was asked. */
async function proxyTo(port: number, answer = "HTTP/1.1 200 OK\r\n\r\n"): Promise<{ url: string; heads: string[] }> {
  const heads: string[] = [];
  const proxyPort = await listen(
    createTcpServer((near) => {
      near.once("data", (head) => {
        heads.push(head.toString());
        const far = connect(port, "127.0.0.1", () => {
          near.write(answer);
          near.pipe(far).pipe(near);
        });
        far.on("error", () => {});
        sockets.add(far);
      });
      near.on("error", () => {});
    }),
  );
  return { url: `http://user:p%40ss@127.0.0.1:${proxyPort}`, heads };
}

async function greeting(url: string, certSha256: string | null, env: Record<string, string> = {}): Promise<string> {
  const socket = await dial(new URL(url), { env, certSha256, timeoutMs: 5000 });
  sockets.add(socket);
  const [data] = (await once(socket, "data")) as [Buffer];
  return data.toString();
}

test("a certificate no authority vouches for is refused, unless it is the pinned one", async () => {
  const port = await listen(greeter());
  await expect(greeting(`https://localhost:${port}`, null)).rejects.toThrow(/self-signed/);
  expect(await greeting(`https://localhost:${port}`, testPin)).toBe("hello");
  expect(await greeting(`wss://127.0.0.1:${port}`, testPin)).toBe("hello");
  await expect(greeting(`https://localhost:${port}`, "0".repeat(64))).rejects.toThrow(/not the pinned one/);
});

test("behind a proxy the pin is checked all the same", async () => {
  const proxy = await proxyTo(await listen(greeter()));
  const env = { HTTPS_PROXY: proxy.url };
  expect(await greeting("wss://backup.test", testPin, env)).toBe("hello");
  expect(proxy.heads[0]).toBe(
    `CONNECT backup.test:443 HTTP/1.1\r\nHost: backup.test:443\r\nProxy-Authorization: Basic ${Buffer.from("user:p@ss").toString("base64")}\r\n\r\n`,
  );
  await expect(greeting("wss://backup.test", "0".repeat(64), env)).rejects.toThrow(/not the pinned one/);
});

test("what follows the proxy's answer belongs to the server", async () => {
  const port = await listen(createTcpServer((socket) => socket.on("error", () => {})));
  const proxy = await proxyTo(port, "HTTP/1.1 200 OK\r\nVia: x\r\n\r\nearly bird");
  expect(await greeting("ws://backup.test", null, { http_proxy: proxy.url })).toBe("early bird");
});

test("a proxy that refuses, and a server that is not there, are told apart", async () => {
  const port = await listen(greeter());
  const proxy = await proxyTo(port, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  await expect(greeting("https://backup.test", null, { HTTPS_PROXY: proxy.url })).rejects.toThrow(/407/);
  const gone = await listen(createTcpServer());
  await new Promise<void>((resolve) => servers.pop()!.close(() => resolve()));
  await expect(greeting(`http://127.0.0.1:${gone}`, null)).rejects.toThrow(/ECONNREFUSED/);
});

test.each([
  ["https://a.test", { HTTPS_PROXY: "http://p:1" }, "http://p:1/"],
  ["https://a.test", { https_proxy: "p:1", HTTPS_PROXY: "http://other:1" }, "http://p:1/"],
  ["http://a.test", { HTTPS_PROXY: "http://p:1" }, null],
  ["wss://a.test", { HTTPS_PROXY: "http://p:1", NO_PROXY: "b.test, .test" }, null],
  ["wss://a.test:8443", { HTTPS_PROXY: "http://p:1", NO_PROXY: "a.test:443" }, "http://p:1/"],
  ["https://127.0.0.1", { HTTPS_PROXY: "http://p:1" }, null],
  ["https://a.test", { HTTPS_PROXY: "http://p:1", NO_PROXY: "*" }, null],
])("%s with %j goes through %s", (url, env, proxy) => {
  expect(proxyFor(new URL(url), env)?.href ?? null).toBe(proxy);
});

test("plain text may stay on this machine, and leave it only when told so", () => {
  for (const server of ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://backup.test"])
    expect(checkServer(server, false).ok).toBe(true);
  expect(checkServer("http://backup.test", false)).toMatchObject({ failure: { code: "auth.insecure_transport" } });
  expect(checkServer("http://backup.test", true).ok).toBe(true);
  for (const server of ["backup.test", "ftp://backup.test", "https://u:p@backup.test", "https://backup.test?x"])
    expect(checkServer(server, true)).toMatchObject({ failure: { code: "request.invalid" } });
  expect(isLoopback("127.0.0.1.evil.test")).toBe(false);
  expect(socketUrl(new URL("https://backup.test/rm/")).href).toBe("wss://backup.test/rm/ws/agent");
});
