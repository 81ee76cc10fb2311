import { fileURLToPath } from "node:url";
import { runProcess } from "./process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Builds console, agent and server once before the files of a run; RM_BUILT=1 says a caller just did. */
export async function setup(): Promise<void> {
  if (process.env["RM_BUILT"] === "1") return;
  const built = await runProcess("npm", ["run", "build"], { cwd: root });
  if (built.code !== 0) throw new Error(`npm run build failed:\n${built.stdout}\n${built.stderr}`);
}
