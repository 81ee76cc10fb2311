import { fail } from "../../protocol/failure.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import type { PolicyKey } from "./policy-values.ts";
import { shellWord } from "../../protocol/shell-word.ts";

/** Where the policy that a command is to change lies; null for the folders that the agent finds by itself. */
export interface PolicyCommand {
  configDirectory: string | null;
  stateDirectory: string | null;
}

/** The exact command that changes the policy, to be typed on the host. */
export function policyCommand({ configDirectory, stateDirectory }: PolicyCommand, ...words: readonly string[]): string {
  const folders = [
    ...(configDirectory === null ? [] : ["--config-dir", configDirectory]),
    ...(stateDirectory === null ? [] : ["--state-dir", stateDirectory]),
  ];
  return ["sudo", "restic-manager-agent", "policy", ...words, ...folders].map(shellWord).join(" ");
}

/** `what` is a sentence; the command that would allow it follows. */
export function forbidden(what: string, command: string): ReturnType<typeof fail> {
  return fail("policy.forbidden", `${what} To allow it, run on the host: ${command}`);
}

export function setCommand(command: PolicyCommand, key: PolicyKey, ...values: readonly string[]): string {
  return policyCommand(command, "set", key, ...(values.length === 0 ? ["none"] : values));
}

/** Why hooks of these kinds may not run here; null when they may. */
export function hookRefusal(
  policy: Pick<HostPolicy, "allowHooks">,
  kinds: readonly ("named" | "remote")[],
  command: PolicyCommand,
): ReturnType<typeof fail> | null {
  if (kinds.length === 0 || policy.allowHooks === "remote") return null;
  if (kinds.includes("remote"))
    return forbidden(
      "The policy of this host allows no hooks whose text comes from the console.",
      setCommand(command, "allow_hooks", "remote"),
    );
  if (policy.allowHooks === "named") return null;
  return forbidden("The policy of this host allows no hooks.", setCommand(command, "allow_hooks", "named"));
}
