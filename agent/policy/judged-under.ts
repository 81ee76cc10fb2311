import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { writeFileAtomically } from "../disk/atomic-file.ts";

const contentSchema = v.object({ schedule: v.optional(v.string()), config: v.optional(v.string()) });
export type JudgedSet = keyof v.InferOutput<typeof contentSchema>;

/**
 * Which policy each set of the server was judged under. When root changes the policy, the agent says it has no version
 * of the set, so that the server sends it and hears anew what this host refuses.
 */
export class JudgedUnder {
  readonly #path: string;
  #content: v.InferOutput<typeof contentSchema>;

  constructor(path: string) {
    this.#path = path;
    this.#content = read(path);
  }

  is(set: JudgedSet, fingerprint: string): boolean {
    return this.#content[set] === digest(fingerprint);
  }

  /** Throws the system's error when it cannot be kept. */
  keep(set: JudgedSet, fingerprint: string): void {
    if (this.is(set, fingerprint)) return;
    const content = { ...this.#content, [set]: digest(fingerprint) };
    writeFileAtomically(this.#path, JSON.stringify(content));
    this.#content = content;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function read(path: string): v.InferOutput<typeof contentSchema> {
  try {
    const parsed = v.safeParse(contentSchema, JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.output : {};
  } catch {
    return {};
  }
}
