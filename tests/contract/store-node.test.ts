import { databaseOn, openSqlite } from "../../selfhost/d1-on-sqlite.ts";
import { migrate } from "../../selfhost/migrate.ts";
import { MIGRATIONS } from "../support/server.ts";
import { describeStore } from "./store-contract.ts";

describeStore("Node", async () => {
  const sqlite = openSqlite(":memory:");
  migrate(sqlite, MIGRATIONS, Date.UTC(2026, 0, 15));
  return databaseOn(sqlite);
});
