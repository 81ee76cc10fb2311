import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import type { Database } from "../../worker/bindings.ts";
import { describeCare } from "../contract/care-contract.ts";
import { describeFleetTokens } from "../contract/fleet-tokens-contract.ts";
import { describePendingHosts } from "../contract/pending-store-contract.ts";
import { describeStore } from "../contract/store-contract.ts";

const { DB, TEST_MIGRATIONS } = env as unknown as { DB: D1Database; TEST_MIGRATIONS: D1Migration[] };

async function open(): Promise<Database> {
  await applyD1Migrations(DB, TEST_MIGRATIONS);
  return drizzle(DB) as Database;
}

describeStore("D1", open);
describeCare("D1", open);
describeFleetTokens("D1", open);
describePendingHosts("D1", open);
