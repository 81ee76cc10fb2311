import { expect, test } from "vitest";
import { parseAddress, unknownEnvKeys } from "./repository.ts";

test.each([
  ["/srv/restic", "local"],
  ["C:\\backup\\repo", "local"],
  ["\\\\nas\\share\\repo", "local"],
  ["rest:http://127.0.0.1:8000/host-1", "rest"],
  ["rest:https://vault.example.net/host-1/", "rest"],
  ["s3:https://s3.example.net/bucket/host-1", "s3"],
  ["s3:s3.amazonaws.com/bucket", "s3"],
  ["b2:my-bucket:host-1", "b2"],
  ["azure:container:/host-1", "azure"],
  ["sftp:backup@nas.example.net:/srv/restic", "sftp"],
  ["sftp://backup@nas.example.net:2222/srv/restic", "sftp"],
])("%s is a %s repository", (address, backend) => {
  expect(parseAddress(address)).toEqual({ ok: true, value: { backend, address } });
});

test.each([
  "",
  "relative/path",
  "-o sftp.command=x",
  "rest:http://user:secret@host/",
  "rest:ftp://host/",
  "rest:https://host/?token=x",
  "s3:https://key:secret@host/bucket",
  "s3:https://host",
  "sftp:-oProxyCommand=x:/srv",
  "sftp:user@-oProxyCommand=x:/srv",
  "sftp:-luser@host:/srv",
  "rclone:remote:path",
  "local:/etc",
  "file:///etc",
  "/srv/a\nb",
  `/${"a".repeat(3000)}`,
])("%j is refused with a sentence", (address) => {
  const parsed = parseAddress(address);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) {
    expect(parsed.failure.code).toBe("repository.address_invalid");
    expect(parsed.failure.message).toMatch(/\.$/);
    expect(parsed.failure.message).not.toContain("secret");
  }
});

test("environment keys belong to a backend", () => {
  expect(unknownEnvKeys("rest", { RESTIC_REST_USERNAME: "u" })).toEqual([]);
  expect(unknownEnvKeys("local", { RESTIC_REST_USERNAME: "u" })).toEqual(["RESTIC_REST_USERNAME"]);
  expect(unknownEnvKeys("s3", { LD_PRELOAD: "x", AWS_ACCESS_KEY_ID: "k" })).toEqual(["LD_PRELOAD"]);
});
