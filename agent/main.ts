// oxlint-disable-next-line import/no-unassigned-import -- checks the version before anything else is loaded
import "./require-node.ts";
import { randomBytes } from "node:crypto";
import { readOptions } from "./cli/options.ts";
import { ConfigError } from "./config/config.ts";
import { defaultDirectories } from "./config/directories.ts";
import { thisPlatform } from "./platform/this-machine.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const print = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const defaults = defaultDirectories(process.platform, process.env);
  const options = readOptions(process.argv.slice(2), process.env, defaults);
  if (options.command === "service")
    return void print(await (await import("./cli/service.ts")).serviceCommand(options, defaults));
  const platform = thisPlatform();
  if (!platform) throw new ConfigError(`There is no agent for ${process.platform} yet.`);
  // Each command loads its own parts: a running agent needs no HTTP client in memory.
  switch (options.command) {
    case "enroll":
      return void print(await (await import("./cli/enroll.ts")).enroll(options, platform, random));
    case "announce":
      return void print(await (await import("./cli/announce.ts")).announce(options, platform, random, print));
    case "run":
      return (await import("./cli/run.ts")).run(options, platform, random);
    case "status":
      return void print((await import("./cli/status.ts")).describeStatus(options, platform));
    case "policy":
      return void print((await import("./cli/policy.ts")).policyCommand(options));
    case "version":
      return void print(await (await import("./cli/version.ts")).describeVersion(options, platform));
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
