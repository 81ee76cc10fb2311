import { runSteps } from "./steps.ts";

/**
 * Everything that ships: the console (dist/ui), the agent (dist/agent), the self-hosted server (dist/server), and what
 * the Worker serves as assets (dist/assets: console and agent together).
 */
const parts = ["ui", "agent", "server"];
const steps = parts.map((part) => ({ name: `build ${part}`, command: "node", args: [`scripts/build-${part}.ts`] }));
const assets = { name: "build assets", command: "node", args: ["scripts/build-assets.ts"] };
if (!(await runSteps(steps, 2)) || !(await runSteps([assets], 1))) process.exitCode = 1;
