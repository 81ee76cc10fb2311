import { createHash } from "node:crypto";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { bareHost, proxyFor } from "./proxy.ts";

/** How a server is reached; shared by the enrolment and the socket, so that neither skips the pin. */
export interface DialOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** SHA-256 of the leaf certificate in hex. With a pin, the pin decides; without, the system's authorities do. */
  certSha256: string | null;
  timeoutMs: number;
}

const MAX_PROXY_ANSWER_BYTES = 8 * 1024;

/**
 * A connection to the host of an http(s) or ws(s) URL, through the proxy of the environment, with TLS checked before
 * a byte of ours is sent. Rejects with a sentence.
 */
export async function dial(url: URL, options: DialOptions): Promise<Socket | TLSSocket> {
  const secure = url.protocol === "https:" || url.protocol === "wss:";
  const target = { host: bareHost(url.hostname), port: Number(url.port || (secure ? 443 : 80)) };
  const proxy = proxyFor(url, options.env);
  const socket = proxy
    ? await throughProxy(proxy, target, options.timeoutMs)
    : await openTcp(target.host, target.port, options.timeoutMs);
  return secure ? startTls(socket, target.host, options) : socket;
}

/** A TCP connection, or a rejection that names the address. */
export async function openTcp(host: string, port: number, timeoutMs: number): Promise<Socket> {
  const socket = connectTcp({ host, port, keepAlive: true, noDelay: true });
  await settle(socket, "connect", timeoutMs, `${host}:${port}`);
  return socket;
}

async function throughProxy(proxy: URL, target: { host: string; port: number }, timeoutMs: number): Promise<Socket> {
  const socket = await openTcp(bareHost(proxy.hostname), Number(proxy.port || 80), timeoutMs);
  const authority = `${isIP(target.host) === 6 ? `[${target.host}]` : target.host}:${target.port}`;
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const authorization =
    proxy.username === "" ? "" : `Proxy-Authorization: Basic ${Buffer.from(login).toString("base64")}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  const answer = await readProxyAnswer(socket, timeoutMs);
  if (!/^HTTP\/1\.[01] 200(?: |\r)/.test(answer)) {
    socket.destroy();
    throw new Error(`the proxy ${proxy.host} refused the connection: ${answer.split("\r\n")[0]}`);
  }
  return socket;
}

/** The head of the proxy's answer; what follows it stays in the socket. */
async function readProxyAnswer(socket: Socket, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = "";
    const timer = setTimeout(() => refuse("the proxy did not answer"), timeoutMs);
    const onReadable = () => {
      for (let byte = socket.read(1) as Buffer | null; byte; byte = socket.read(1) as Buffer | null) {
        head += byte.toString("latin1");
        if (head.endsWith("\r\n\r\n")) return finish(() => resolve(head));
        if (head.length > MAX_PROXY_ANSWER_BYTES) return refuse("the proxy's answer is too long");
      }
    };
    const onEnd = () => refuse("the proxy closed the connection");
    const finish = (done: () => void) => {
      clearTimeout(timer);
      socket.off("readable", onReadable).off("close", onEnd).off("error", onEnd);
      done();
    };
    // A proxy that gave up on us may still reset the connection: that must not end the agent.
    const refuse = (why: string) =>
      finish(() => {
        socket.on("error", () => {}).destroy();
        reject(new Error(why));
      });
    socket.on("readable", onReadable).on("close", onEnd).on("error", onEnd);
  });
}

async function startTls(socket: Socket, host: string, options: DialOptions): Promise<TLSSocket> {
  const tls = connectTls({
    socket,
    // An IP address is no server name (RFC 6066 section 3); the certificate is checked against it all the same.
    ...(isIP(host) ? { host } : { servername: host }),
    ALPNProtocols: ["http/1.1"],
    minVersion: "TLSv1.2",
    rejectUnauthorized: options.certSha256 === null,
  });
  await settle(tls, "secureConnect", options.timeoutMs, host);
  if (options.certSha256 !== null) {
    const found = createHash("sha256").update(tls.getPeerCertificate().raw).digest("hex");
    if (found !== options.certSha256) {
      tls.destroy();
      throw new Error(
        `the certificate of ${host} is not the pinned one (its SHA-256 is ${found}); correct certSha256 if it was renewed`,
      );
    }
  }
  return tls;
}

async function settle(
  socket: Socket,
  event: "connect" | "secureConnect",
  timeoutMs: number,
  name: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (why: string) => {
      finish();
      socket.destroy();
      reject(new Error(`${name}: ${why}`));
    };
    const timer = setTimeout(() => fail(`no connection within ${timeoutMs / 1000} s`), timeoutMs);
    const onError = (error: Error) => fail(error.message || (error as NodeJS.ErrnoException).code || "no connection");
    const onClose = () => fail("the connection was closed");
    const onDone = () => {
      finish();
      resolve();
    };
    const finish = () => {
      clearTimeout(timer);
      socket.off("error", onError).off("close", onClose).off(event, onDone);
    };
    socket.on("error", onError).on("close", onClose).on(event, onDone);
  });
}
