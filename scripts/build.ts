import { runSteps } from "./steps.ts";

/** Everything that ships: the console (dist/ui), the agent (dist/agent) and the self-hosted server (dist/server). */
const parts = ["ui", "agent", "server"];
const steps = parts.map((part) => ({ name: `build ${part}`, command: "node", args: [`scripts/build-${part}.ts`] }));
if (!(await runSteps(steps, 2))) process.exitCode = 1;
