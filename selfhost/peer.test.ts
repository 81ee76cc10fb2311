import { BlockList } from "node:net";
import { expect, test } from "vitest";
import { peerOf, type Incoming } from "./peer.ts";

const none = new BlockList();
const proxies = new BlockList();
proxies.addSubnet("10.0.0.0", 24, "ipv4");
proxies.addAddress("127.0.0.1");

function from(list: BlockList, incoming: Partial<Incoming>) {
  return peerOf(
    {
      remoteAddress: "203.0.113.5",
      host: "manager.test",
      forwardedFor: undefined,
      forwardedProto: undefined,
      ...incoming,
    },
    list,
  );
}

test("forwarded headers of a client that is no trusted proxy are ignored", () => {
  const peer = from(proxies, { forwardedFor: "1.2.3.4", forwardedProto: "https" });
  expect(peer).toEqual({ address: "203.0.113.5", secure: false, origin: "http://manager.test" });
});

test("behind trusted proxies the client is the right-most address that is none of them", () => {
  const peer = from(proxies, {
    remoteAddress: "::ffff:10.0.0.9",
    forwardedFor: "6.6.6.6, 198.51.100.7, 10.0.0.3",
    forwardedProto: "https",
  });
  expect(peer).toEqual({ address: "198.51.100.7", secure: true, origin: "https://manager.test" });
  const noise = from(proxies, { remoteAddress: "10.0.0.9", forwardedFor: "6.6.6.6, junk" });
  expect(noise).toMatchObject({ address: "10.0.0.9", secure: false });
});

test("plain HTTP is private only on this machine, under a loopback name and past no unknown proxy", () => {
  const local = { remoteAddress: "127.0.0.1", host: "127.0.0.1:8080" };
  expect(from(none, local)?.secure).toBe(true);
  expect(from(none, { remoteAddress: "::1", host: "[::1]:8080" })?.secure).toBe(true);
  expect(from(none, { remoteAddress: "::ffff:127.0.0.1", host: "localhost:8080" })?.secure).toBe(true);
  expect(from(none, { ...local, host: "manager.test" })?.secure).toBe(false);
  expect(from(none, { ...local, forwardedFor: "203.0.113.5" })?.secure).toBe(false);
  expect(from(none, { host: "127.0.0.1:8080" })?.secure).toBe(false);
  expect(from(proxies, local)?.secure).toBe(false);
});

test("a request without a usable Host is nobody's", () => {
  for (const host of [undefined, "", "a b", "evil/path", "user@host", "a:b:c", 'x"y'])
    expect(from(none, { host })).toBeNull();
});
