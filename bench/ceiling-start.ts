import Database from "better-sqlite3";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

/** The least that starts: one Hono route and one database, opened as the product opens its own. Arguments: file, port. */
const [file = "", port = ""] = process.argv.slice(2);
const db = new Database(file);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)");
const app = new Hono();
app.get("/healthz", (c) => c.text("ok"));
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
