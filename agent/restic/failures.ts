import type { Failure, FailureCode } from "../../protocol/failure.ts";

/** How a run of restic ended, as far as its own words go. */
export interface ResticEnd {
  /** The sub-command. */
  command: string;
  code: number | null;
  signal: string | null;
  /** The last `exit_error` message (restic 0.17 and newer), else what stderr said in plain text. */
  words: readonly string[];
}

/** Exit codes that mean the same in every version that has them (restic manual, "Exit codes"). */
const BY_EXIT_CODE: Readonly<Record<number, FailureCode>> = {
  10: "repository.missing",
  11: "repository.locked",
  12: "repository.wrong_password",
  130: "job.interrupted",
};

/** Up to 0.16 there is only exit 1, and later versions use it for the rest: the text tells. The first match counts. */
const BY_TEXT: readonly (readonly [RegExp, FailureCode])[] = [
  [/wrong password or no key found/, "repository.wrong_password"],
  [/repository is already locked/, "repository.locked"],
  [/config file already exists|already initialized/, "repository.exists"],
  [/no space left on device|disk quota exceeded|\(507\)/i, "repository.disk_full"],
  [/all (?:source|target) directories\/files do not exist/, "backup.source_missing"],
  [
    /(?:unable to open config file|repository does not exist).*(?:no such file or directory|does not exist|key does not exist|not found)/i,
    "repository.missing",
  ],
  [
    /connection refused|no such host|network is unreachable|no route to host|i\/o timeout|connection reset|connection timed out|TLS handshake|x509: |server misbehaving|Temporary failure in name resolution|Could not resolve hostname/i,
    "repository.unreachable",
  ],
  [
    /\(40[13]\)|40[13] (?:Unauthorized|Forbidden)|Access ?Denied|InvalidAccessKeyId|SignatureDoesNotMatch|AuthenticationFailed|Permission denied|operation not permitted|read-only file system/i,
    "repository.access_denied",
  ],
  [
    /invalid data returned|ciphertext verification failed|repository contains errors|repository is damaged|packs from index missing|hash does not match|unable to load index|pack .* not found|config .* is invalid/i,
    "repository.damaged",
  ],
  [/parsing repository location failed|invalid backend/, "repository.address_invalid"],
];

const MESSAGES: Readonly<Partial<Record<FailureCode, { message: string; retry: boolean }>>> = {
  "repository.missing": {
    message: 'There is no repository at this address. Check the address, or tick "create it" for the next backup.',
    retry: false,
  },
  "repository.exists": { message: "There is a repository at this address already.", retry: false },
  "repository.locked": {
    message: "Another restic has locked the repository. Wait until it has finished, then try again.",
    retry: true,
  },
  "repository.wrong_password": {
    message: "The repository does not open with this password. Correct it in the repository's settings.",
    retry: false,
  },
  "repository.unreachable": {
    message: "The repository cannot be reached from this host. Check its address, the network and the storage server.",
    retry: true,
  },
  "repository.access_denied": {
    message: "The storage refuses these credentials. Correct them in the repository's settings, or its permissions.",
    retry: false,
  },
  "repository.disk_full": {
    message: "The repository's storage is full. Make room there, then try again.",
    retry: false,
  },
  "repository.damaged": {
    message: "The repository is damaged. Run restic check on it before anything else.",
    retry: false,
  },
  "repository.append_only": {
    message:
      "The storage refuses to delete anything with these credentials: it is append-only. Give the repository a second " +
      "credential that may delete, for forget and prune, in its settings.",
    retry: false,
  },
  "repository.address_invalid": { message: "restic does not understand the repository's address.", retry: false },
  "backup.source_missing": {
    message: "None of the paths to back up exists on this host. Correct the schedule's paths.",
    retry: false,
  },
  "job.interrupted": { message: "restic was ended from outside before it finished. Run the job again.", retry: true },
  "restic.no_summary": {
    message: "restic ended without a summary, so no snapshot is proved. Run the job again.",
    retry: true,
  },
  "restic.failed": { message: "restic failed. Its last words say why.", retry: true },
};

/**
 * Whether a line of stderr says that the storage refused to delete part of the repository; deleting locks does not
 * count. restic's exit code does not tell: 0.18 ends with 0, and 0.14 tries again for 44 seconds.
 */
export function isDeleteRefused(line: string): boolean {
  return /^Remove\(<(?:snapshot|index|data|key)\//.test(line) && /\b40[13]\b|Forbidden|Access ?Denied/i.test(line);
}

/** The failure a code stands for, in a sentence that says what to do next. */
export function resticFailure(code: FailureCode, detail?: string): Failure {
  const { message, retry } = MESSAGES[code] ?? MESSAGES["restic.failed"]!;
  return { code, message, retry, ...(detail === undefined ? {} : { detail }) };
}

/**
 * The only place where restic's exit codes and error texts become failure codes. Null for success: exit 0, and exit 3
 * of a backup, which is a snapshot with warnings. An unknown code is a failure.
 */
export function classify(end: ResticEnd): { failure: Failure; line: string | null } | null {
  if (end.code === 0 || (end.code === 3 && end.command === "backup")) return null;
  if (end.code === null)
    return {
      failure: resticFailure("job.interrupted", `restic was ended by ${end.signal ?? "a signal"}.`),
      line: lastError(end.words),
    };
  const known = BY_EXIT_CODE[end.code];
  for (const [pattern, code] of BY_TEXT) {
    if (known !== undefined && known !== code) continue;
    const line = end.words.findLast((words) => pattern.test(words));
    if (line !== undefined) return { failure: resticFailure(code), line };
  }
  const detail = known === undefined ? `restic ended with exit code ${end.code}.` : undefined;
  return { failure: resticFailure(known ?? "restic.failed", detail), line: lastError(end.words) };
}

/** restic's own last error line: the last fatal one, else the last one that is no stack trace or hint. */
export function lastError(words: readonly string[]): string | null {
  return (
    words.findLast((line) => line.startsWith("Fatal: ")) ??
    words.findLast(
      (line) => !/^(?:\s|github\.com\/|runtime\.|main\.|Is there a repository|signal interrupt)/.test(line),
    ) ??
    null
  );
}
