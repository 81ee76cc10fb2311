import { formatCount } from "./amounts.ts";
import { atLeast, type ResticVersion } from "./version.ts";

/** Ids that one sentence names in full; the rest are counted. */
const MAX_NAMED = 3;
const MAX_KEPT = 10_000;

/** Gathers what a check complains of, in the words of any version, and says it as an operator needs it. */
export class Damage {
  readonly #missingPacks = new Set<string>();
  readonly #brokenPacks = new Set<string>();
  readonly #brokenSnapshots = new Set<string>();
  /** Folders whose contents are not all there. */
  readonly #trees = new Set<string>();
  #others = 0;

  /** One complaint of restic, a line of text. */
  hear(text: string): void {
    const pack = /^pack ([0-9a-f]{64}):? (.+)$/.exec(text);
    if (pack) {
      if (pack[2]!.includes("does not exist")) keep(this.#missingPacks, pack[1]!);
      else if (!pack[2]!.includes("not referenced")) keep(this.#brokenPacks, pack[1]!);
      return;
    }
    // restic 0.14 names a pack whose bytes differ only by the hash it should have.
    const unlike = /^Pack ID does not match, want ([0-9a-f]{64})/.exec(text)?.[1];
    const snapshot = /(?:load <snapshot\/|failed to load snapshot )([0-9a-f]+)/.exec(text)?.[1];
    const tree = /^error for tree ([0-9a-f]+)/.exec(text)?.[1];
    if (unlike !== undefined) keep(this.#brokenPacks, unlike);
    else if (snapshot !== undefined) keep(this.#brokenSnapshots, snapshot.slice(0, 8));
    else if (tree !== undefined) keep(this.#trees, tree);
    else if (/^error/i.test(text)) this.#others += 1;
  }

  /** A pack that restic's summary names. */
  addBrokenPack(id: string): void {
    keep(this.#brokenPacks, id);
  }

  /** How many things are wrong, for versions that do not count them. */
  get errors(): number {
    return (
      this.#missingPacks.size + this.#brokenPacks.size + this.#brokenSnapshots.size + this.#trees.size + this.#others
    );
  }

  /** What is damaged, what that means, and what to do next. */
  describe(version: ResticVersion): string {
    const found = [
      named("pack", this.#brokenPacks, "holds other bytes than were written", "hold other bytes than were written"),
      named("pack", this.#missingPacks, "is missing from the storage", "are missing from the storage"),
      named("snapshot", this.#brokenSnapshots, "cannot be read", "cannot be read"),
      this.#trees.size > 0 ? `${formatCount(this.#trees.size, "folder")} of its snapshots cannot be read whole` : null,
    ].filter((words) => words !== null);
    const what = found.length > 0 ? `: ${found.join("; ")}` : "";
    return (
      `The repository is damaged${what}. Files whose data was there cannot be restored from it. ` +
      "Prune nothing; look for a failing disk or a deleted file on its storage, and bring back what is lost there if " +
      `you can. Otherwise copy the repository, then run on this host: ${this.#repair(version).join("; ")}. ` +
      "The next backup saves again what the host still has."
    );
  }

  #repair(version: ResticVersion): string[] {
    const [...broken] = this.#brokenPacks;
    const packs = broken.length > 0 ? [`restic repair packs ${broken.slice(0, MAX_NAMED).join(" ")}`] : [];
    const index = broken.length > 0 ? [] : ["restic repair index"];
    const commands = [...packs, ...index, "restic repair snapshots --forget"];
    if (atLeast(version, 0, 16)) return commands;
    return [`(restic 0.16 or newer is needed for these) ${commands[0]}`, ...commands.slice(1)];
  }
}

function named(noun: string, ids: ReadonlySet<string>, one: string, many: string): string | null {
  if (ids.size === 0) return null;
  if (ids.size === 1) return `${noun} ${[...ids][0]} ${one}`;
  const more = ids.size - MAX_NAMED;
  const list = [...ids].slice(0, MAX_NAMED).join(", ");
  return `${formatCount(ids.size, noun)} ${many} (${list}${more > 0 ? ` and ${more} more` : ""})`;
}

function keep(ids: Set<string>, id: string): void {
  if (ids.size < MAX_KEPT) ids.add(id);
}
