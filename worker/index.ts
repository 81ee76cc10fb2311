import { UPGRADE_HEADER } from "../core/access/socket-grants.ts";
import { FleetFeedObject, HostRelayObject, PendingRelayObject } from "../durable-objects/cloudflare.ts";
import { createApp } from "./app.ts";
import { API_HEADERS } from "./headers.ts";
import { PASS_ON_WORKERS } from "./pass-limits.ts";
import { problemResponse } from "./problem.ts";
import { ROUTES } from "./routes/index.ts";
import { runDue } from "./run-due.ts";
import { feedOf, peerOfRequest, pendingOf, relayOf, runtimeOf, type WorkerEnv } from "./runtime-on-workers.ts";
import { authorizeUpgrade, type Upgrade } from "./upgrade.ts";

export { FleetFeedObject, HostRelayObject, PendingRelayObject };

const app = createApp(ROUTES);

export default {
  async fetch(request, env, context) {
    const seam = { runtime: runtimeOf(env), peer: peerOfRequest(request) };
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") return openSocket(request, env, seam);
    return app.fetch(request, seam, context);
  },
  async scheduled(_event, env) {
    await runDue(runtimeOf(env), PASS_ON_WORKERS);
  },
} satisfies ExportedHandler<WorkerEnv>;

async function openSocket(
  request: Request,
  env: WorkerEnv,
  seam: { runtime: ReturnType<typeof runtimeOf>; peer: ReturnType<typeof peerOfRequest> },
): Promise<Response> {
  const url = new URL(request.url);
  const checked = await authorizeUpgrade(seam.runtime, seam.peer, {
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
  });
  if (!checked.ok) return problemResponse(checked.failure, "", API_HEADERS);
  const upgrade: Upgrade = checked.value;
  return objectFor(env, upgrade).fetch("https://object.local/", {
    headers: { upgrade: "websocket", [UPGRADE_HEADER]: JSON.stringify(upgrade) },
  });
}

function objectFor(env: WorkerEnv, upgrade: Upgrade): DurableObjectStub {
  switch (upgrade.kind) {
    case "fleet":
      return feedOf(env);
    case "pending":
      return pendingOf(env, upgrade.grant.pendingId);
    default:
      return relayOf(env, upgrade.hostId);
  }
}
