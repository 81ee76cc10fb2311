import { eq, sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { hostStatus, SEVERITY, type HostFacts } from "../../core/hosts/status.ts";
import { addHost } from "../../tests/support/fleet.ts";
import { startTestServer } from "../../tests/support/server.ts";
import { hosts } from "./schema.ts";
import { refreshSeverityStatement } from "./severity.ts";

test("the database ranks every kind of host as hostStatus does", async () => {
  const server = await startTestServer({ routes: [] });
  const { hostId } = await addHost(server.runtime);
  const nowMs = server.nowMs();
  for (const online of [false, true])
    for (const lastBackupOutcome of [
      null,
      "succeeded",
      "warnings",
      "failed",
      "cancelled",
    ] satisfies HostFacts["lastBackupOutcome"][])
      for (const lastGoodBackupAtMs of [null, nowMs])
        for (const protectedUntilMs of [null, 0, nowMs, nowMs + 1])
          for (const checkFailed of [false, true]) {
            const facts: HostFacts = { online, lastBackupOutcome, lastGoodBackupAtMs, checkFailed, protectedUntilMs };
            await server.db.update(hosts).set({
              online: online ? 1 : 0,
              lastBackupOutcome,
              lastGoodBackupAt: lastGoodBackupAtMs,
              protectedUntil: protectedUntilMs,
              checkFailed: checkFailed ? 1 : 0,
            });
            await refreshSeverityStatement(server.db, sql`${hosts.id} = ${hostId}`, nowMs);
            const [row] = await server.db.select({ severity: hosts.severity }).from(hosts).where(eq(hosts.id, hostId));
            expect({ facts, severity: row?.severity }).toEqual({ facts, severity: SEVERITY[hostStatus(facts, nowMs)] });
          }
  server.close();
});
