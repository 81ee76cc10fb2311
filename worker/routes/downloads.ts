import { bytesToHex } from "@noble/hashes/utils.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { fail, ok } from "../../protocol/failure.ts";
import type { Download, Runtime } from "../bindings.ts";
import { Reply, route } from "../route.ts";

/** Platforms the agent is offered for. Until packages exist, all get the same bundle, which runs on their own Node. */
const PLATFORMS: ReadonlySet<string> = new Set(["linux-amd64", "linux-arm64"]);
const BUNDLE = "restic-manager-agent.cjs";
const WHY = "A host that is about to join has no account; these files hold no secret.";

function file(download: Download): Reply {
  return new Reply({
    raw: download.body,
    headers: { "content-type": download.contentType },
  });
}

async function checksum(download: Download): Promise<string> {
  if (download.sha256 !== undefined) return download.sha256;
  const bytes =
    download.body instanceof Uint8Array
      ? download.body
      : new Uint8Array(await new Response(download.body).arrayBuffer());
  return bytesToHex(sha256(bytes));
}

async function agentFile(runtime: Runtime, name: string) {
  const platform = name.replace(/\.sha256$/, "");
  const download = PLATFORMS.has(platform) ? await runtime.download(BUNDLE) : null;
  if (!download) {
    return fail(
      "request.not_found",
      `There is no agent for this platform. There is one for ${[...PLATFORMS].join(", ")}.`,
    );
  }
  if (platform === name) return ok(file(download));
  const line = `${await checksum(download)}  ${platform}\n`;
  return ok(new Reply({ raw: line, headers: { "content-type": "text/plain; charset=utf-8" } }));
}

export const downloadRoutes = [
  route({
    method: "GET",
    path: "/install.sh",
    access: { anonymous: true, why: WHY },
    summary: "The installer that an enrolment's line runs",
    async handler({ runtime }) {
      const download = await runtime.download("install.sh");
      return download ? ok(file(download)) : fail("request.not_found", "This server was built without the installer.");
    },
  }),
  route({
    method: "GET",
    path: "/agent/:platform",
    access: { anonymous: true, why: WHY },
    summary: "The agent for linux-amd64 or linux-arm64; with .sha256 behind the platform, its checksum",
    async handler({ runtime, params }) {
      return agentFile(runtime, params.platform);
    },
  }),
];
