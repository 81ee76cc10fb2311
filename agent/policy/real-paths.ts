import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fail, ok, type Result } from "../../protocol/failure.ts";

const ANSWER_WITHIN_MS = 10_000;
/** A lookup that hangs holds one of the four threads that Node has for files and host names, and nothing ends it. */
const MAX_HUNG = 2;

export interface RealPathsOptions {
  /** Resolves the links of a path that exists; rejects for any other. */
  lookUp?(path: string): Promise<string>;
  withinMs?: number;
}

/**
 * Resolves paths without waiting for a file system that does not answer, such as a network mount whose server is gone.
 * One lookup at a time: what hangs is passed over until it answers.
 */
export class RealPaths {
  readonly #lookUp: (path: string) => Promise<string>;
  readonly #withinMs: number;
  readonly #hung = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ lookUp = realpath, withinMs = ANSWER_WITHIN_MS }: RealPathsOptions = {}) {
    this.#lookUp = lookUp;
    this.#withinMs = withinMs;
  }

  /** `path` with its symbolic links resolved, as far as it exists; fails when its file system does not answer. */
  async of(path: string): Promise<Result<string>> {
    const answer = this.#turn.then(async () => this.#resolve(path));
    this.#turn = answer;
    return answer;
  }

  /** As `of`, in the same order; fails with the first that fails. */
  async all(paths: readonly string[]): Promise<Result<string[]>> {
    const real: string[] = [];
    for (const path of paths) {
      const resolved = await this.of(path);
      if (!resolved.ok) return resolved;
      real.push(resolved.value);
    }
    return ok(real);
  }

  async #resolve(path: string): Promise<Result<string>> {
    const hung = this.#hung.has(path) ? path : this.#hung.size < MAX_HUNG ? null : [...this.#hung][0]!;
    if (hung !== null) return doesNotAnswer(hung);
    const lookUp = this.#lookUp(path).then(
      (real) => ({ real }),
      () => ({ real: null }),
    );
    const found = await orNull(lookUp, this.#withinMs);
    if (!found) {
      this.#hung.add(path);
      void lookUp.then(() => this.#hung.delete(path));
      return doesNotAnswer(path);
    }
    if (found.real !== null) return ok(found.real);
    const above = dirname(path);
    if (above === path) return ok(path);
    const folder = await this.#resolve(above);
    return folder.ok ? ok(join(folder.value, basename(path))) : folder;
  }
}

function doesNotAnswer(path: string): ReturnType<typeof fail> {
  const why =
    `The file system of ${path} does not answer, so the rules of this host's policy for paths cannot be judged. ` +
    "See whether the server of a network mount is gone, then run the job again.";
  return fail("backup.source_missing", why, { retry: true });
}

async function orNull<T>(work: Promise<T>, withinMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), withinMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
