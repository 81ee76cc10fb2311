import { BACKEND_ENV, parseAddress } from "../../protocol/repository.ts";
import { ok, type Result } from "../../protocol/failure.ts";
import { atLeast, type ResticVersion } from "./version.ts";

/** A repository as the vault holds it. `env` holds the backend's credentials. */
export interface RepositoryAccess {
  address: string;
  password: string;
  env: Readonly<Record<string, string>>;
}

/**
 * Where data goes, as the host's policy names it: the address, but for azure, whose address names no account. Two
 * accounts are two places: `azure:container:/path@account`, and `@account.suffix` beside the public cloud.
 */
export function destinationOf({ address, env }: Pick<RepositoryAccess, "address" | "env">): string {
  if (!address.startsWith("azure:")) return address;
  const suffix = env["AZURE_ENDPOINT_SUFFIX"];
  return `${address}@${env["AZURE_ACCOUNT_NAME"] ?? ""}${suffix === undefined ? "" : `.${suffix}`}`;
}

/** What a child may take over from the agent's own environment. Nothing else does. */
const INHERITED = [
  "PATH",
  "HOME",
  "TMPDIR",
  "LANG",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
] as const;

/** The part of a child's environment that holds no secret. */
export function plainEnvironment(own: NodeJS.ProcessEnv, cacheDirectory: string): Record<string, string> {
  const env: Record<string, string> = { RESTIC_CACHE_DIR: cacheDirectory, RESTIC_PROGRESS_FPS: "1" };
  for (const key of INHERITED) if (own[key] !== undefined) env[key] = own[key];
  return env;
}

/** The environment by which restic finds and opens a repository: secrets are in no argument. */
export function repositoryEnvironment(
  access: RepositoryAccess,
  version: ResticVersion,
): Result<Record<string, string>> {
  const parsed = parseAddress(access.address);
  if (!parsed.ok) return parsed;
  const { backend, address } = parsed.value;
  const env: Record<string, string> = { RESTIC_REPOSITORY: address, RESTIC_PASSWORD: access.password };
  for (const key of BACKEND_ENV[backend]) if (access.env[key] !== undefined) env[key] = access.env[key];
  const username = env["RESTIC_REST_USERNAME"];
  // RESTIC_REST_USERNAME and _PASSWORD exist from restic 0.16.1 on; before, the login is part of the address.
  if (backend === "rest" && username !== undefined && !atLeast(version, 0, 16, 1)) {
    const login = `${encodeURIComponent(username)}:${encodeURIComponent(env["RESTIC_REST_PASSWORD"] ?? "")}`;
    env["RESTIC_REPOSITORY"] = address.replace("://", () => `://${login}@`);
    delete env["RESTIC_REST_USERNAME"];
    delete env["RESTIC_REST_PASSWORD"];
  }
  return ok(env);
}
