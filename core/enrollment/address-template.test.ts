import { expect, test } from "vitest";
import { fillTemplate, parseTemplate, safeHostname } from "./address-template.ts";

test.each([
  ["web-1", "web-1"],
  ["WEB-1.Example.NET.", "web-1.example.net"],
  ["../../etc/passwd", "etc-passwd"],
  ["a..b", "a.b"],
  ["a/b\\c", "a-b-c"],
  ["-o ProxyCommand=x", "o-proxycommand-x"],
  ["zürich 1", "zurich-1"],
  ["{hostname}", "hostname"],
  ["...", "host"],
  ["北京", "host"],
  ["", "host"],
])("the hostname %j is %j in an address", (hostname, safe) => {
  expect(safeHostname(hostname)).toBe(safe);
});

test("whatever a hostname holds, its safe form is one plain part of a path", () => {
  for (let code = 0; code < 0x3000; code++) {
    const safe = safeHostname(`.${String.fromCharCode(code)}.${"x".repeat(80)}.`);
    expect(safe).toMatch(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/);
    expect(safe).not.toContain("..");
    expect(safe.length).toBeLessThanOrEqual(63);
  }
});

test("a safe name is filled in as it is", () => {
  expect(fillTemplate("rest:https://vault.example/{hostname}", "web-1")).toBe("rest:https://vault.example/web-1");
});

test.each([
  "/srv/backups/{hostname}",
  String.raw`D:\backups\{hostname}`,
  "rest:https://vault.example:8000/fleet/{hostname}",
  "s3:s3.example.net/bucket/hosts-{hostname}",
  "b2:bucket:{hostname}",
  "azure:container:/{hostname}",
  "sftp:backup@nas.example:/srv/{hostname}",
  "sftp://backup@nas.example:22/srv/{hostname}",
])("%s is a template", (template) => {
  expect(parseTemplate(template)).toMatchObject({ ok: true, value: { template } });
});

test.each([
  ["no slot", "/srv/backups"],
  ["another slot beside it", "/srv/{os}/{hostname}"],
  ["a slot within the server's name", "rest:https://{hostname}.example/x"],
  ["a slot in both", "rest:https://{hostname}.example/{hostname}"],
  ["a server without a path", "rest:https://{hostname}"],
  ["a slot for the bucket", "s3:s3.example.net/{hostname}"],
  ["a slot for the bucket of B2", "b2:{hostname}:x"],
  ["a slot for the server of SFTP", "sftp:nas-{hostname}:/srv"],
  ["a password", "rest:https://me:secret@vault.example/{hostname}"],
])("a template with %s is refused", (_what, template) => {
  expect(parseTemplate(template)).toMatchObject({ ok: false, failure: { code: "repository.address_invalid" } });
});
