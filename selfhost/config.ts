import { BlockList, isIP } from "node:net";
import { readSecretKey, type ServerKeys } from "../core/secrets/secret-key.ts";

/** What the environment says about this server. */
export interface Config {
  dataDir: string;
  host: string;
  port: number;
  keys: ServerKeys;
  /** Origin under which browsers and agents reach the server; null = as each request says. */
  publicUrl: string | null;
  allowHttp: boolean;
  /** Whose X-Forwarded-For and X-Forwarded-Proto count. */
  trustedProxies: BlockList;
  certSha256: string | null;
}

export type Read<T> = { ok: true; value: T } | { ok: false; why: string };
const no = (why: string): { ok: false; why: string } => ({ ok: false, why });
const yes = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });

/** A file's text and permission bits, or null when there is none. */
export type ReadFile = (path: string) => { text: string; mode: number } | null;

const MAKE_A_KEY =
  "Make one with: (umask 077; openssl rand -hex 32 > secret.key), and set RM_SECRET_KEY_FILE to its path.";
const OTHERS_MAY_READ_OR_WRITE = 0o006;

/** The configuration, or one sentence on what is wrong and what to do. */
export function readConfig(env: Readonly<Record<string, string | undefined>>, readFile: ReadFile): Read<Config> {
  const keys = readKeys(env["RM_SECRET_KEY"], env["RM_SECRET_KEY_FILE"], readFile);
  if (!keys.ok) return keys;
  const listen = readListen(env["RM_LISTEN"] ?? "127.0.0.1:8080");
  if (!listen.ok) return listen;
  const publicUrl = readPublicUrl(env["RM_PUBLIC_URL"]);
  if (!publicUrl.ok) return publicUrl;
  const allowHttp = readFlag("RM_ALLOW_HTTP", env["RM_ALLOW_HTTP"]);
  if (!allowHttp.ok) return allowHttp;
  const trustedProxies = readProxies(env["RM_TRUSTED_PROXY"] ?? "");
  if (!trustedProxies.ok) return trustedProxies;
  const certSha256 = readCertificate(env["RM_CERT_SHA256"]);
  if (!certSha256.ok) return certSha256;
  return yes({
    dataDir: env["RM_DATA_DIR"] || "./data",
    ...listen.value,
    keys: keys.value,
    publicUrl: publicUrl.value,
    allowHttp: allowHttp.value,
    trustedProxies: trustedProxies.value,
    certSha256: certSha256.value,
  });
}

function readKeys(text: string | undefined, path: string | undefined, readFile: ReadFile): Read<ServerKeys> {
  if (text && path) return no("Both RM_SECRET_KEY and RM_SECRET_KEY_FILE are set. Keep one of them.");
  if (path) {
    const file = readFile(path);
    if (!file) return no(`The key file ${path} is missing or cannot be read. ${MAKE_A_KEY}`);
    if ((file.mode & OTHERS_MAY_READ_OR_WRITE) !== 0) {
      return no(`Everyone on this machine may read or write the key file ${path}. Run: chmod 600 ${path}`);
    }
    const keys = readSecretKey(file.text);
    return keys.ok ? keys : no(`The key in ${path} cannot be used: ${keys.why}. ${MAKE_A_KEY}`);
  }
  if (!text) return no(`There is no secret key, without which no stored password can be kept safe. ${MAKE_A_KEY}`);
  const keys = readSecretKey(text);
  return keys.ok ? keys : no(`RM_SECRET_KEY cannot be used: ${keys.why}. ${MAKE_A_KEY}`);
}

function readListen(text: string): Read<{ host: string; port: number }> {
  const parts = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text);
  const port = Number(parts?.[3]);
  if (!parts || port > 65_535)
    return no(`RM_LISTEN is "${text}". Write an address and a port, such as 127.0.0.1:8080.`);
  return yes({ host: parts[1] ?? parts[2]!, port });
}

function readPublicUrl(text: string | undefined): Read<string | null> {
  if (!text) return yes(null);
  const url = URL.canParse(text) ? new URL(text) : null;
  const isOrigin = url !== null && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  if (url === null || !isOrigin || !["https:", "http:"].includes(url.protocol)) {
    return no(`RM_PUBLIC_URL is "${text}". Write only scheme and name, such as https://backup.example.org.`);
  }
  return yes(url.origin);
}

function readFlag(name: string, text: string | undefined): Read<boolean> {
  if (!text || text === "0") return yes(false);
  return text === "1" ? yes(true) : no(`${name} is "${text}". Set it to 1, or leave it out.`);
}

function readProxies(text: string): Read<BlockList> {
  const list = new BlockList();
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    const [address = "", bits] = item.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    const maxBits = family === "ipv6" ? 128 : 32;
    const prefix = bits === undefined ? maxBits : Number(bits);
    if (isIP(address) === 0 || !/^\d{1,3}$/.test(bits ?? "0") || prefix > maxBits) {
      return no(`RM_TRUSTED_PROXY holds "${item}". Write addresses or ranges, such as 10.0.0.5 or 10.0.0.0/24.`);
    }
    list.addSubnet(address, prefix, family);
  }
  return yes(list);
}

function readCertificate(text: string | undefined): Read<string | null> {
  if (!text) return yes(null);
  const hex = text.replaceAll(":", "").toLowerCase();
  return /^[0-9a-f]{64}$/.test(hex)
    ? yes(hex)
    : no("RM_CERT_SHA256 must be the certificate's SHA-256 as 64 hex digits.");
}
