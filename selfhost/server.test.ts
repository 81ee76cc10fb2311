import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { request } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { enrollBody } from "../tests/support/enrolling-agent.ts";
import { readConfig } from "./config.ts";
import { startServer, type RunningServer } from "./server.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));
const KEY = randomBytes(32).toString("hex");
const SCRIPT = "console.log('the console');";
let folder: string;
let lines: string[];
let server: RunningServer | null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rm-server-"));
  mkdirSync(join(folder, "ui/icons"), { recursive: true });
  mkdirSync(join(folder, "downloads"));
  writeFileSync(join(folder, "ui/index.html"), "<!doctype html><title>console</title>");
  writeFileSync(join(folder, "ui/app-5QZ7K3XB.js"), SCRIPT);
  writeFileSync(join(folder, "ui/app-5QZ7K3XB.js.gz"), gzipSync(SCRIPT));
  writeFileSync(join(folder, "ui/icons/icons.svg"), "<svg/>");
  writeFileSync(join(folder, "secret.txt"), "outside");
  writeFileSync(join(folder, "downloads/install.sh"), "#!/bin/sh\n");
  lines = [];
  server = null;
});
afterEach(async () => {
  await server?.stop("test");
  rmSync(folder, { recursive: true });
});

async function start(env: Record<string, string> = {}) {
  const config = readConfig(
    { RM_SECRET_KEY: KEY, RM_LISTEN: "127.0.0.1:0", RM_DATA_DIR: join(folder, "data"), ...env },
    () => null,
  );
  if (!config.ok) throw new Error(config.why);
  return startServer(config.value, {
    migrations: MIGRATIONS,
    console: join(folder, "ui"),
    downloads: [join(folder, "downloads")],
    write: (line) => lines.push(line),
  });
}

async function started(env?: Record<string, string>): Promise<RunningServer> {
  const result = await start(env);
  if (!result.ok) throw new Error(result.why);
  server = result.value;
  return server;
}

/** Sends bytes as they are and answers what came back until the server closes. */
function raw(address: string, text: string): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding("utf8").on("data", (data: string) => (answer += data));
    socket.on("end", () => resolve(answer)).on("error", reject);
  });
}

test("the first start migrates, shows the set-up token once and keeps what it stores for its owner alone", async () => {
  const { address } = await started();
  expect((await request(`${address}/readyz`)).statusCode).toBe(200);
  const said = lines.filter((line) => /rmb_[\w-]{43}/.test(line));
  expect(said).toHaveLength(1);
  expect(statSync(join(folder, "data")).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(folder, "data"))).toEqual(expect.arrayContaining(["main.db", "relay.db", "server.lock"]));
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
});

test("a second server does not start on the same data directory, and one may follow when the first has stopped", async () => {
  await started();
  const second = await start();
  expect(second).toEqual({ ok: false, why: expect.stringContaining("Another server uses the data directory") });
  await server!.stop("test");
  await started();
});

test("the console answers every page address, with its headers, types and caching", async () => {
  const { address } = await started();
  const page = await request(`${address}/hosts/some-id?tab=jobs`, { headers: { accept: "text/html,*/*" } });
  expect(await page.body.text()).toContain("<title>console");
  expect(page.headers["content-security-policy"]).toContain("script-src 'self'");
  expect(page.headers["content-security-policy"]).toContain("require-trusted-types-for 'script'");
  expect(page.headers["cache-control"]).toBe("no-cache");

  const script = await request(`${address}/app-5QZ7K3XB.js`, { headers: { "accept-encoding": "gzip, br" } });
  expect(script.headers).toMatchObject({
    "content-type": "text/javascript; charset=utf-8",
    "content-encoding": "gzip",
    "cache-control": "public, max-age=31536000, immutable",
    vary: "accept-encoding",
  });
  expect(await (await request(`${address}/app-5QZ7K3XB.js`)).body.text()).toBe(SCRIPT);

  const etag = String((await request(`${address}/icons/icons.svg`)).headers["etag"]);
  const again = await request(`${address}/icons/icons.svg`, { headers: { "if-none-match": etag } });
  expect(again.statusCode).toBe(304);
});

test("no page is shown at the application's addresses, and no path leads out of the console's folder", async () => {
  const { address } = await started();
  for (const path of ["/api/unknown", "/ws/fleet", "/agent/windows", "/api"]) {
    const answer = await request(address + path, { headers: { accept: "text/html" } });
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    await answer.body.dump();
  }
  expect(await (await request(`${address}/install.sh`)).body.text()).toBe("#!/bin/sh\n");
  for (const path of [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/icons/..%2f..%2fsecret.txt",
    "/icons/../../secret.txt",
  ]) {
    const answer = await raw(address, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 404/);
    expect(answer).not.toContain("outside");
  }
});

test("malformed requests are refused before the application sees them", async () => {
  const { address } = await started();
  const status = async (head: string) => (await raw(address, `${head}Connection: close\r\n\r\n`)).split(" ")[1];
  expect(await status("TRACE /api/status HTTP/1.1\r\nHost: x\r\n")).toBe("405");
  expect(await status("GARBAGE /api/status HTTP/1.1\r\nHost: x\r\n")).toBe("400");
  expect(await status("GET /api/status HTTP/1.1\r\nHost: a b\r\n")).toBe("400");
  expect(await status("GET /api/status HTTP/1.1\r\n")).toBe("400");
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  for (const target of ["//", "http://[/ws/agent", "/ws/%zz"])
    expect(await raw(address, `GET ${target} HTTP/1.1\r\nHost: x\r\n${upgrade}`)).toMatch(/^HTTP\/1\.1 40[04] /);
  expect(lines.join("\n")).not.toContain("upgrade.failed");
});

test("a body over 1 MiB is refused, declared or chunked", async () => {
  const { address } = await started();
  const big = Buffer.alloc(1024 * 1024 + 1, 32);
  const headers = { "content-type": "application/json" };
  const declared = await request(`${address}/api/login`, { method: "POST", headers, body: big });
  expect(declared.statusCode).toBe(413);
  await declared.body.dump();
  async function* chunks() {
    for (let at = 0; at < big.length; at += 65_536) yield big.subarray(at, at + 65_536);
  }
  const chunked = await request(`${address}/api/login`, { method: "POST", headers, body: Readable.from(chunks()) });
  expect(chunked.statusCode).toBe(413);
  await chunked.body.dump();
});

test("a sender who writes all of a body that is too large before it reads still gets the answer", async () => {
  const { address } = await started();
  const head = "POST /api/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
  const body = " ".repeat(6 * 1024 * 1024);
  const declared = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  for (const text of [declared, chunked]) expect(await raw(address, text)).toMatch(/^HTTP\/1\.1 413 /);
});

test("forwarded headers make a connection secure only from a trusted proxy", async () => {
  const forwarded = { "x-forwarded-for": "203.0.113.5", "x-forwarded-proto": "https", host: "manager.test" };
  const possible = async (address: string) => {
    const answer = await request(`${address}/api/status`, { headers: forwarded });
    return ((await answer.body.json()) as { signInPossible: boolean }).signInPossible;
  };
  expect(await possible((await started()).address)).toBe(false);
  await server!.stop("test");
  expect(await possible((await started({ RM_TRUSTED_PROXY: "127.0.0.1" })).address)).toBe(true);
  expect(lines.join("\n")).toContain('"address":"203.0.113.5"');
});

test("a stop lets a request that is being answered finish, and refuses new ones", async () => {
  const { address, stop } = await started();
  const token = /rmb_[\w-]{43}/.exec(lines.join("\n"))![0];
  const setUp = request(`${address}/api/bootstrap`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token, username: "owner", password: "correct horse battery" }),
  });
  await request(`${address}/healthz`);
  const stopped = stop("test");
  server = null;
  expect((await setUp).statusCode).toBe(201);
  await stopped;
  await expect(request(`${address}/healthz`)).rejects.toThrow(/ECONNREFUSED/);
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ event: "server.stopped" });
  expect((await (await request(`${(await started()).address}/api/status`)).body.json()) as object).toMatchObject({
    setupNeeded: false,
  });
});

test("an enrolled agent's socket is challenged, others are refused, and a stop tells it to come back", async () => {
  const { address, stop } = await started();
  const origin = address;
  const send = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await request(address + path, {
      method: "POST",
      headers: { "content-type": "application/json", origin, ...headers },
      body: JSON.stringify(body),
    });
    return { headers: answer.headers, json: (await answer.body.json()) as Record<string, string> };
  };
  const token = /rmb_[\w-]{43}/.exec(lines.join("\n"))![0];
  const admin = await send("/api/bootstrap", { token, username: "owner", password: "correct horse battery" });
  const cookie = String(admin.headers["set-cookie"]).split(";")[0]!;
  const repository = { address: "/srv/restic", password: "a repository password", createRepository: true };
  const order = await send("/api/enrollment-tokens", { hostName: "web-1", repository, paths: ["/srv"] }, { cookie });
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const joined = await send("/api/agents/enroll", enrollBody({ random }, order.json["token"]!));
  const url = address.replace("http:", "ws:");

  const refused = async (path: string, protocols: string[], headers: Record<string, string>) => {
    const socket = new WebSocket(url + path, protocols, { headers });
    socket.on("error", () => {});
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  expect(await refused("/ws/agent", ["rm.1"], { authorization: "Bearer rmh_wrong" })).toBe(401);
  expect(await refused("/ws/fleet", ["rm.browser.1"], { cookie, origin: "https://evil.test" })).toBe(403);
  expect(await refused("/ws/fleet", ["rm.browser.1"], { cookie, origin })).toBe(401);
  expect(await refused("/ws/nothing", ["rm.1"], {})).toBe(404);

  const bearer = { authorization: `Bearer ${joined.json["bearer"]}` };
  const agent = new WebSocket(`${url}/ws/agent`, ["rm.1"], { headers: bearer });
  const [frame] = (await once(agent, "message")) as [Buffer];
  expect(JSON.parse(frame.toString())).toMatchObject({ type: "challenge" });
  expect(agent.protocol).toBe("rm.1");
  const { grant } = (await send("/api/grants", {}, { cookie })).json;
  const page = new WebSocket(`${url}/ws/fleet`, ["rm.browser.1", `rm.grant.${grant}`], { headers: { cookie, origin } });
  await once(page, "message");
  const closed = Promise.all([once(agent, "close"), once(page, "close")]);
  server = null;
  await stop("test");
  expect((await closed).map(([code]) => code as number)).toEqual([1012, 1012]);
  expect(lines.join("\n")).not.toContain(joined.json["bearer"]!);

  const otherKey = await start({ RM_SECRET_KEY: randomBytes(32).toString("hex") });
  expect(otherKey).toEqual({ ok: false, why: expect.stringMatching(/sealed under another key/) });
  await started();
});

test("an address in use is said in a sentence, and the data directory is free again", async () => {
  const { address } = await started();
  const other = { RM_LISTEN: new URL(address).host, RM_DATA_DIR: join(folder, "other") };
  expect(await start(other)).toEqual({ ok: false, why: expect.stringMatching(/Cannot listen.*EADDRINUSE.*RM_LISTEN/) });
  const third = await start({ RM_DATA_DIR: join(folder, "other") });
  expect(third.ok).toBe(true);
  if (third.ok) await third.value.stop("test");
});
