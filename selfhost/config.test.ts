import { expect, test } from "vitest";
import { readConfig, type ReadFile } from "./config.ts";

const KEY = "8f3c1e5a7b9d2046c8e0f1a3b5d7e9021436587a9cbed0f2143658709badcfe1";
const noFiles: ReadFile = () => null;
const read = (env: Record<string, string>, files: ReadFile = noFiles) =>
  readConfig({ ...(env["RM_SECRET_KEY_FILE"] === undefined ? { RM_SECRET_KEY: KEY } : {}), ...env }, files);
const why = (env: Record<string, string>, files?: ReadFile) => {
  const config = read(env, files);
  return config.ok ? null : config.why;
};

test("without anything but a key the server listens on loopback and trusts no proxy", () => {
  const config = read({});
  expect(config).toMatchObject({
    ok: true,
    value: { dataDir: "./data", host: "127.0.0.1", port: 8080, publicUrl: null, allowHttp: false, certSha256: null },
  });
  expect(config.ok && config.value.trustedProxies.rules).toEqual([]);
});

test("a server with no key, a short one or one that is not random refuses to start and says how to make one", () => {
  for (const key of [
    "",
    KEY.slice(0, 62),
    "not a key!",
    "0".repeat(64),
    "default-default-default-default-default-def0",
  ]) {
    expect(why({ RM_SECRET_KEY: key })).toMatch(/openssl rand -hex 32/);
    if (key !== "") expect(why({ RM_SECRET_KEY: key })).not.toContain(key);
  }
  expect(why({ RM_SECRET_KEY_FILE: "/no/such/file" })).toMatch(/missing.*openssl rand/);
});

test("a key file that everyone may read is refused with the remedy", () => {
  const file = (mode: number) => why({ RM_SECRET_KEY_FILE: "/k" }, () => ({ text: `${KEY}\n`, mode }));
  expect(file(0o100644)).toMatch(/chmod 600 \/k/);
  expect([file(0o100600), file(0o100400), file(0o100440)]).toEqual([null, null, null]);
  expect(why({ RM_SECRET_KEY: KEY, RM_SECRET_KEY_FILE: "/k" })).toMatch(/Both/);
});

test("hex and both base64 alphabets say the same key", () => {
  const bytes = Buffer.from(KEY, "hex");
  const keys = [KEY, bytes.toString("base64"), bytes.toString("base64url")].map((key) => read({ RM_SECRET_KEY: key }));
  expect(new Set(keys.map((k) => k.ok && k.value.keys.secretKeys[0].id)).size).toBe(1);
  expect(keys[0]).toEqual(keys[1]);
});

test("addresses, URLs, flags and ranges that do not fit are named", () => {
  expect(why({ RM_LISTEN: "8080" })).toMatch(/RM_LISTEN/);
  expect(why({ RM_LISTEN: "127.0.0.1:99999" })).toMatch(/RM_LISTEN/);
  expect(read({ RM_LISTEN: "[::1]:443" })).toMatchObject({ value: { host: "::1", port: 443 } });
  expect(why({ RM_PUBLIC_URL: "backup.example.org" })).toMatch(/RM_PUBLIC_URL/);
  expect(why({ RM_PUBLIC_URL: "https://backup.example.org/path" })).toMatch(/RM_PUBLIC_URL/);
  expect(read({ RM_PUBLIC_URL: "https://Backup.example.org:443/" })).toMatchObject({
    value: { publicUrl: "https://backup.example.org" },
  });
  expect(why({ RM_ALLOW_HTTP: "yes" })).toMatch(/RM_ALLOW_HTTP/);
  expect(why({ RM_TRUSTED_PROXY: "10.0.0.0/33" })).toMatch(/RM_TRUSTED_PROXY/);
  expect(why({ RM_TRUSTED_PROXY: "caddy" })).toMatch(/RM_TRUSTED_PROXY/);
  expect(why({ RM_CERT_SHA256: "abc" })).toMatch(/RM_CERT_SHA256/);
});
