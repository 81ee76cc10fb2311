import { existsSync } from "node:fs";
import { runSteps, type Step } from "./steps.ts";

/** Format, lint, types of each room, room rules and unit tests, in under a minute: what has to hold before a push. */
const rooms = [
  "protocol",
  "core",
  "worker",
  "durable-objects",
  "selfhost",
  "agent",
  "ui",
  "packaging",
  "scripts",
  "bench",
  "tests",
];

const types = rooms
  .flatMap((room) => [room, `${room}/workers`])
  .filter((room) => existsSync(new URL(`../${room}/tsconfig.json`, import.meta.url)))
  .map((room): Step => ({ name: `types: ${room}`, command: "tsc", args: ["-p", room] }));

// The agent against real restic takes a minute of its own; `npm test` runs it.
const unitTests = ["run", "--reporter=dot", "--exclude", "agent/agent.test.ts"];

const steps: Step[] = [
  { name: "unit tests and room rules", command: "vitest", args: unitTests },
  { name: "format", command: "oxfmt", args: ["--check", "."] },
  { name: "lint", command: "oxlint", args: ["."] },
  { name: "openapi.json is current", command: "node", args: ["scripts/openapi.ts", "--check"] },
  {
    name: "shell scripts",
    command: "sh",
    args: ["-c", "! command -v shellcheck || shellcheck scripts/*.sh packaging/deb/p*"],
  },
  ...types,
];

if (!(await runSteps(steps, 2))) process.exitCode = 1;
