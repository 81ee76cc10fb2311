import { join } from "node:path";
import type { HostDetail } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { removeFolder, temporaryFolder } from "./folders.ts";
import { waitFor } from "./process.ts";
import { joinHost, makeSource, startProduct, type Product, type RuntimeName, type TestAgent } from "./product.ts";
import { resticBinary } from "./restic.ts";

export const password = "repository password";

/** A product and one host of its own, whose first schedule backs up three small files into a repository in a folder. */
export interface ScheduleScene {
  product: Product;
  api: ConsoleApi;
  agent: TestAgent;
  source: string;
  /** The repository's address. */
  address: string;
  stop(): Promise<void>;
}

/** `name` names the folder. Restic is 0.18.0. What was started is stopped when the rest cannot be. */
export async function startScheduleScene(runtime: RuntimeName, name: string): Promise<ScheduleScene> {
  const folder = temporaryFolder(name);
  let product: Product | null = null;
  let agent: TestAgent | null = null;
  const stop = async () => {
    await agent?.stop();
    await product?.stop();
    removeFolder(folder);
  };
  try {
    product = await startProduct(runtime);
    const api = await product.signIn();
    const source = makeSource(folder, 3, 1000);
    const address = join(folder, "repository");
    agent = await joinHost(api, { address, password, paths: [source], restic: resticBinary("0.18.0") });
    return { product, api, agent, source, address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The host once its agent runs the newest set of schedules; an error after `timeoutMs`. */
export function schedulesApplied(api: ConsoleApi, hostId: string, timeoutMs = 30_000): Promise<HostDetail> {
  return waitFor(
    "the host to run the newest schedules",
    async () => {
      const now = await api.get<HostDetail>(`/api/hosts/${hostId}`);
      return now.appliedScheduleVersion === now.scheduleVersion && now;
    },
    { timeoutMs },
  );
}
