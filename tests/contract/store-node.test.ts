import { databaseOn, openSqlite } from "../../selfhost/d1-on-sqlite.ts";
import { migrate } from "../../selfhost/migrate.ts";
import { MIGRATIONS } from "../support/server.ts";
import type { Database } from "../../worker/bindings.ts";
import { describeCare } from "./care-contract.ts";
import { describeFleetTokens } from "./fleet-tokens-contract.ts";
import { describePendingHosts } from "./pending-store-contract.ts";
import { describeStore } from "./store-contract.ts";

async function open(): Promise<Database> {
  const sqlite = openSqlite(":memory:");
  migrate(sqlite, MIGRATIONS, Date.UTC(2026, 0, 15));
  return databaseOn(sqlite);
}

describeStore("Node", open);
describeCare("Node", open);
describeFleetTokens("Node", open);
describePendingHosts("Node", open);
