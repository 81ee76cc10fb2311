import { expect, test } from "vitest";
import { destinationOf } from "./environment.ts";

test("an azure repository lies in its account, which its address does not name", () => {
  const address = "azure:backups:/host-1";
  const of = (env: Record<string, string>) => destinationOf({ address, env });
  expect(of({ AZURE_ACCOUNT_NAME: "ours", AZURE_ACCOUNT_KEY: "k" })).toBe("azure:backups:/host-1@ours");
  expect(of({ AZURE_ACCOUNT_NAME: "theirs" })).not.toBe(of({ AZURE_ACCOUNT_NAME: "ours" }));
  expect(of({ AZURE_ACCOUNT_NAME: "ours", AZURE_ENDPOINT_SUFFIX: "evil.example" })).toBe(
    "azure:backups:/host-1@ours.evil.example",
  );
});

test("any other repository lies at its address, whoever opens it", () => {
  for (const address of ["/srv/restic", "rest:https://backup.example/a", "s3:https://s3.example/b/c", "b2:bucket:a"])
    expect(destinationOf({ address, env: { AWS_ACCESS_KEY_ID: "k", RESTIC_REST_USERNAME: "u" } })).toBe(address);
});
