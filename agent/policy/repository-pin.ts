import { readFileSync } from "node:fs";
import * as v from "valibot";
import { fail } from "../../protocol/failure.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import { text } from "../../protocol/scalars.ts";
import { writeFileAtomically } from "../disk/atomic-file.ts";
import { forbidden, policyCommand, type PolicyCommand } from "./refusals.ts";

const contentSchema = v.object({ addresses: v.array(text) });

/**
 * The addresses that may receive this host's data under `allow_repositories: first`: those of the first credentials it
 * took, and what root added. Kept in the state folder, read afresh because the command line adds to it.
 */
export class RepositoryPin {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Null before the first credentials came; none when the file cannot be read, so that all wait for root. */
  addresses(): string[] | null {
    try {
      return v.parse(contentSchema, JSON.parse(readFileSync(this.#path, "utf8"))).addresses;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? null : [];
    }
  }

  /** Pins the first set of addresses; later calls change nothing. Throws the system's error when it cannot be kept. */
  pinFirst(addresses: readonly string[]): void {
    if (addresses.length > 0 && this.addresses() === null) this.#write(addresses);
  }

  /** Root allows one more. */
  add(address: string): void {
    this.#write([...(this.addresses() ?? []), address]);
  }

  /** Why data may not go to this address; null when it may. */
  refusal(
    address: string,
    policy: Pick<HostPolicy, "allowRepositories">,
    command: PolicyCommand,
  ): ReturnType<typeof fail> | null {
    const allowed = policy.allowRepositories === "first" ? this.addresses() : policy.allowRepositories;
    if (allowed === null || allowed.includes(address)) return null;
    return forbidden(
      `The policy of this host does not allow the repository ${address}.`,
      policyCommand(command, "allow-repository", address),
    );
  }

  #write(addresses: readonly string[]): void {
    writeFileAtomically(this.#path, JSON.stringify({ addresses: [...new Set(addresses)] }));
  }
}
