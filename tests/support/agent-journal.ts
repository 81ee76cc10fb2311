import { existsSync, linkSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JobRecord } from "../../protocol/wire.ts";
import { removeFolder, temporaryFolder } from "./folders.ts";

export interface JournalWitness {
  /** Every record the agent fsynced for the job so far, in order; throws where its own numbering has a hole. */
  records(): JobRecord[];
  stop(): void;
}

/**
 * Keeps what an agent fsyncs of one job: the spool only grows and whole files leave once acknowledged, so a hard link
 * beside each holds the truth to compare the server with.
 */
export function witnessJournal(stateDir: string, jobId: string): JournalWitness {
  const kept = temporaryFolder("journal");
  const find = (): string[] => {
    try {
      return readdirSync(stateDir, { recursive: true, encoding: "utf8" }).filter(
        (name) => name.includes(jobId) && /\/\d+\.log$/.test(name),
      );
    } catch {
      return []; // a job's folder left in the middle of the listing
    }
  };
  const keep = () => {
    for (const name of find()) {
      const link = join(kept, name.slice(name.lastIndexOf("/") + 1));
      try {
        if (!existsSync(link)) linkSync(join(stateDir, name), link);
      } catch {
        // it left between the listing and the link
      }
    }
  };
  keep();
  const timer = setInterval(keep, 5);
  return {
    records() {
      keep();
      const files = readdirSync(kept).toSorted((a, b) => Number.parseInt(a) - Number.parseInt(b));
      const lines = files.flatMap((file) => readFileSync(join(kept, file), "utf8").split("\n").filter(Boolean));
      return lines.map((line, i) => {
        const [, seq, json] = /^(\d+) [0-9a-f]+ (.*)$/.exec(line) ?? [];
        if (Number(seq) !== i + 1 || json === undefined)
          throw new Error(`record ${i + 1} is not in the journal: ${line}`);
        return JSON.parse(json) as JobRecord;
      });
    },
    stop() {
      clearInterval(timer);
      removeFolder(kept);
    },
  };
}
