import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { databaseOn, openSqlite } from "../selfhost/d1-on-sqlite.ts";
import { loadFleetSummary } from "../worker/store/fleet.ts";
import { hostResource, listHostRows } from "../worker/store/hosts.ts";

/**
 * The same drizzle queries on the same database behind a bare Hono: nobody is asked who they are, and nothing is
 * checked. Arguments: database file.
 */
const [file = ""] = process.argv.slice(2);
const db = databaseOn(openSqlite(file));
const app = new Hono();
app.get("/api/hosts", async (c) => {
  const limit = Number(c.req.query("limit") ?? "50");
  const rows = await listHostRows(db, {}, null, limit + 1, Date.now());
  const items = rows.slice(0, limit).map(hostResource);
  return c.json({ items, next: rows.length > limit ? items.at(-1)!.id : undefined });
});
app.get("/api/fleet/summary", async (c) => c.json(await loadFleetSummary(db, Date.now())));
const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  process.stdout.write(`listening ${port}\n`);
});
process.on("SIGTERM", () => server.close(() => process.exit(0)));
