import { sql } from "drizzle-orm";
import * as v from "valibot";
import { fail, ok } from "../../protocol/failure.ts";
import { route } from "../route.ts";
import { LATEST_MIGRATION } from "../store/latest-migration.ts";

const healthy = v.object({ ok: v.literal(true) });

export const healthRoutes = [
  route({
    method: "GET",
    path: "/healthz",
    access: { anonymous: true, why: "Probes have no account. It tells only that the process lives." },
    summary: "The process lives",
    response: healthy,
    async handler() {
      return ok({ ok: true });
    },
  }),
  route({
    method: "GET",
    path: "/readyz",
    access: { anonymous: true, why: "Probes have no account. It tells only whether requests can be served." },
    summary: "The database answers and has every migration",
    response: healthy,
    async handler({ runtime }) {
      try {
        const rows = await runtime.db.all(sql`SELECT 1 FROM d1_migrations WHERE name = ${LATEST_MIGRATION}`);
        if (rows.length > 0) return ok({ ok: true });
        return fail(
          "server.unavailable",
          `The database lacks the migration ${LATEST_MIGRATION}. Apply the migrations.`,
        );
      } catch (error) {
        runtime.log.error("database.unreachable", { error });
        return fail("server.unavailable", "The database does not answer.", { retry: true });
      }
    },
  }),
];
