import * as v from "valibot";
import { cursorQuery, limitQuery, pageOf, snapshotResourceSchema } from "../../protocol/api.ts";
import { ok } from "../../protocol/failure.ts";
import { pageOfRows, readAfter } from "../page.ts";
import { route } from "../route.ts";
import { hostExists } from "../store/hosts.ts";
import { listSnapshotRows, snapshotResource } from "../store/snapshots.ts";
import { noHost } from "./hosts.ts";

export const snapshotRoutes = [
  route({
    method: "GET",
    path: "/api/hosts/:id/snapshots",
    access: { action: "snapshot.read" },
    summary: "Snapshots in a host's repositories, newest first",
    query: v.strictObject({ limit: limitQuery, after: cursorQuery }),
    response: pageOf(snapshotResourceSchema),
    async handler({ runtime, params, query }) {
      const after = readAfter(query.after, ["integer", "text", "text"]);
      if (!after.ok) return after;
      if (!(await hostExists(runtime.db, params.id))) return noHost();
      const rows = await listSnapshotRows(runtime.db, params.id, after.value, query.limit + 1);
      return ok(pageOfRows(rows, query.limit, snapshotResource, (row) => [row.time, row.id, row.repositoryId]));
    },
  }),
];
