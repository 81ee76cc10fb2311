import * as v from "valibot";
import { fail, ok, type Result } from "./failure.ts";

/**
 * What the environment of a restic child may carry for each backend (restic manual, "Preparing a new repository").
 * Closed on purpose: no other key ever crosses the wire.
 */
export const BACKEND_ENV = {
  local: [],
  rest: ["RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"],
  s3: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"],
  b2: ["B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"],
  azure: ["AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS", "AZURE_ENDPOINT_SUFFIX"],
  sftp: [],
} as const satisfies Record<string, readonly string[]>;

export type Backend = keyof typeof BACKEND_ENV;

/** Keys whose values are names, not secrets: shown as typed, and not hidden in logs, where they are ordinary words. */
export const OPEN_ENV: ReadonlySet<string> = new Set([
  "RESTIC_REST_USERNAME",
  "AWS_ACCESS_KEY_ID",
  "AWS_DEFAULT_REGION",
  "B2_ACCOUNT_ID",
  "AZURE_ACCOUNT_NAME",
  "AZURE_ENDPOINT_SUFFIX",
]);

const ENV_KEYS = [...new Set(Object.values(BACKEND_ENV).flat())] as [string, ...string[]];

// oxlint-disable-next-line no-control-regex -- control characters are what the rule refuses
const envValue = v.pipe(v.string(), v.maxLength(4096), v.regex(/^[^\u0000-\u001f\u007f]*$/, "must be one line"));

export const repositoryEnv = v.record(v.picklist(ENV_KEYS), envValue);

export const repositoryPassword = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(1024),
  // oxlint-disable-next-line no-control-regex -- restic strips a trailing newline, so none may be part of it
  v.regex(/^[^\u0000\r\n]*$/, "must be one line"),
);

/** The plaintext inside a sealed repository credential. */
export const repositorySecretSchema = v.strictObject({ password: repositoryPassword, env: repositoryEnv });
export type RepositorySecret = v.InferOutput<typeof repositorySecretSchema>;

/**
 * The backend of a repository address, or why it is refused. Addresses hold no secret: a user part in a URL is
 * refused with the remedy, `rclone:` and option-like hosts are refused because they can run commands.
 */
export function parseAddress(address: string): Result<{ backend: Backend; address: string }> {
  const no = (why: string) => fail("repository.address_invalid", why);
  // oxlint-disable-next-line no-control-regex -- control characters are what the rule refuses
  if (address.length > 2048 || /[\u0000-\u001f\u007f]/.test(address))
    return no("The address must be one line of at most 2,048 characters.");
  if (/^(\/|[A-Za-z]:[\\/]|\\\\[^\\])/.test(address)) return ok({ backend: "local", address });
  if (address.startsWith("rest:")) {
    const m = /^rest:(https?):\/\/([^/?#\s]+)(\/[^?#\s]*)?$/.exec(address);
    if (!m) return no("A REST address looks like rest:https://backup.example.net/host-1.");
    if (m[2]!.includes("@")) return no("Put the user name and password into their own fields, not into the address.");
    return ok({ backend: "rest", address });
  }
  if (address.startsWith("s3:")) {
    const m = /^s3:(?:https?:\/\/)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?\/[^/?#\s][^?#\s]*$/.exec(address);
    if (!m)
      return no("An S3 address looks like s3:https://s3.example.net/bucket/host-1, with the keys in their own fields.");
    return ok({ backend: "s3", address });
  }
  if (/^b2:[a-zA-Z0-9-]+(:[^\s]*)?$/.test(address)) return ok({ backend: "b2", address });
  if (/^azure:[a-z0-9-]+:[^\s]*$/.test(address)) return ok({ backend: "azure", address });
  if (address.startsWith("sftp:")) {
    const m = /^sftp:(?:\/\/)?(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9[][A-Za-z0-9.-]*\]?(?::\d+\/|:|\/)\S+$/.exec(
      address,
    );
    if (!m) return no("An SFTP address looks like sftp:backup@nas.example.net:/srv/restic/host-1.");
    return ok({ backend: "sftp", address });
  }
  return no("Use an absolute path, or an address that begins with rest:, s3:, b2:, azure: or sftp:.");
}

/** The names in `env` that the backend of `address` does not use; empty when all fit. */
export function unknownEnvKeys(backend: Backend, env: Readonly<Record<string, string>>): string[] {
  const known: readonly string[] = BACKEND_ENV[backend];
  return Object.keys(env).filter((key) => !known.includes(key));
}
