import { logLine } from "../core/jobs/log-text.ts";
import type { JobResource } from "../protocol/api.ts";
import type { JobRecord } from "../protocol/wire.ts";
import type { HostRelayPort, LogSlice } from "./bindings.ts";

const SLICE_BYTES = 256 * 1024;

/** A job's log as UTF-8 text, one line a record, read from the relay slice by slice as the client takes it. */
export async function logStream(relay: HostRelayPort, jobId: string): Promise<ReadableStream<Uint8Array>> {
  const encoder = new TextEncoder();
  // The first slice is read before the answer begins, so that a relay that fails is an error and not an empty log.
  let slice: LogSlice | null = await relay.readLog(jobId, 0, SLICE_BYTES);
  let text = slice.first > 1 && slice.records.length > 0 ? `(records before ${slice.first} are no longer kept)\n` : "";
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      while (slice) {
        text += slice.records
          .map((record) => logLine(JSON.parse(record) as JobRecord))
          .filter((line) => line !== null)
          .map((line) => `${line}\n`)
          .join("");
        slice = slice.next === null ? null : await relay.readLog(jobId, slice.next, SLICE_BYTES);
        if (text === "") continue;
        controller.enqueue(encoder.encode(text));
        text = "";
        if (slice) return;
      }
      controller.close();
    },
  });
}

/** Content-Disposition of a job's log: plain ASCII, and the host's own name for those who know RFC 6266. */
export function logFileName(job: Pick<JobResource, "kind" | "hostName" | "createdAtMs">): string {
  const at = new Date(job.createdAtMs).toISOString().slice(0, 19).replaceAll(":", "-");
  const name = (host: string) => `${job.kind}-${host}-${at}Z.log`;
  const ascii = name(job.hostName.replaceAll(/[^A-Za-z0-9._-]/g, "_"));
  // encodeURIComponent leaves ' ( ) * as they are, which RFC 8187 section 3.2.1 does not.
  const encoded = encodeURIComponent(name(job.hostName).replaceAll("/", "_")).replaceAll(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
