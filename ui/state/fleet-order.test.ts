import { expect, test } from "vitest";
import type { HostResource, HostStatus } from "../../protocol/api.ts";
import { addressOf, fleetTags, orderHosts, viewOf } from "./fleet-order.ts";

const host = (name: string, status: HostStatus, tags: string[] = []): HostResource => ({
  id: name,
  name,
  hostname: name,
  tags,
  status,
  online: true,
  locked: false,
  os: "linux",
  arch: "x64",
  agentVersion: "0.1.0",
  resticVersion: "0.18.0",
  createdAtMs: 0,
  checkFailed: false,
  snapshotCount: 0,
  days: "n".repeat(30),
  weeklySizes: [],
});
const fleet = [
  host("nas-02", "protected", ["prod"]),
  host("nas-01", "protected", ["prod", "web"]),
  host("pi", "offline"),
  host("acct", "late", ["web"]),
  host("web", "failing", ["prod"]),
];
const names = (query: Record<string, string>) => orderHosts(fleet, viewOf(query)).map((h) => h.name);

test("the worst come first, equals by name", () => {
  expect(names({})).toEqual(["web", "acct", "pi", "nas-01", "nas-02"]);
  expect(names({ sort: "-name" })).toEqual(["web", "pi", "nas-02", "nas-01", "acct"]);
});

test("filters join: a count, a tag and a part of a name or tag", () => {
  expect(names({ status: "at-risk" })).toEqual(["web", "acct"]);
  expect(names({ tag: "prod", q: "NAS" })).toEqual(["nas-01", "nas-02"]);
  expect(names({ q: "web" })).toEqual(["web", "acct", "nas-01"]);
  expect(names({ status: "nonsense" })).toHaveLength(5);
});

test("a view survives its own address", () => {
  const view = viewOf({ status: "offline", tag: "a&b", q: "x y", sort: "-last" });
  expect(viewOf(Object.fromEntries(new URL(addressOf(view), "http://c").searchParams))).toEqual(view);
  expect(addressOf(viewOf({}))).toBe("/");
});

test("tags are listed by use", () => {
  expect(fleetTags(fleet)).toEqual(["prod", "web"]);
});
