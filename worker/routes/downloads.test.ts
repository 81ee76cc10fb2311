import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../../tests/support/server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

test("anyone gets the installer, the agent of each platform and its checksum", async () => {
  const bundle = new TextEncoder().encode("#!/usr/bin/env node\n");
  server.downloads.set("install.sh", {
    body: new TextEncoder().encode("#!/bin/sh\n"),
    contentType: "text/x-shellscript",
  });
  server.downloads.set("restic-manager-agent.cjs", { body: bundle, contentType: "application/octet-stream" });
  const script = await server.call("GET", "/install.sh");
  expect({ text: script.text, type: script.headers.get("content-type") }).toEqual({
    text: "#!/bin/sh\n",
    type: "text/x-shellscript",
  });
  for (const platform of ["linux-amd64", "linux-arm64"]) {
    expect((await server.call("GET", `/agent/${platform}`)).text).toBe("#!/usr/bin/env node\n");
    const { text } = await server.call("GET", `/agent/${platform}.sha256`);
    expect(text).toBe(`${bytesToHex(sha256(bundle))}  ${platform}\n`);
  }
});

test.each(["/agent/plan9-mips", "/agent/linux-amd64.sha512", "/agent/..%2f..%2fetc%2fpasswd", "/agent/linux-amd64"])(
  "%s is not there",
  async (path) => {
    expect((await server.call("GET", path)).status).toBe(404);
  },
);
