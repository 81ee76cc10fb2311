// oxlint-disable-next-line import/no-unassigned-import -- checks the version before anything else is loaded
import "./require-node.ts";
import { randomBytes } from "node:crypto";
import { enroll } from "./cli/enroll.ts";
import { readOptions } from "./cli/options.ts";
import { run } from "./cli/run.ts";
import { describeStatus } from "./cli/status.ts";
import { describeVersion } from "./cli/version.ts";
import { ConfigError } from "./config/config.ts";
import { thisPlatform } from "./platform/this-machine.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const print = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const platform = thisPlatform();
  if (!platform) throw new ConfigError(`There is no agent for ${process.platform} yet.`);
  const options = readOptions(process.argv.slice(2), process.env, platform.defaultDirectories);
  switch (options.command) {
    case "enroll":
      return void print(await enroll(options, platform, random));
    case "run":
      return run(options, platform, random);
    case "status":
      return void print(describeStatus(options, platform));
    case "version":
      return void print(await describeVersion(options, platform));
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
