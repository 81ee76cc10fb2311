import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import * as v from "valibot";
import { key32, text, uuid } from "../../protocol/scalars.ts";
import { makePrivateDirectory, writeFileAtomically } from "../disk/atomic-file.ts";
import { configFile, type Directories } from "./directories.ts";

/** What agent.yaml holds: who this host is and the keys it must never lose. Keys are 32 bytes in base64url. */
export const configSchema = v.strictObject({
  server: v.pipe(text, v.url()),
  hostId: uuid,
  hostname: v.pipe(text, v.minLength(1)),
  bearer: v.pipe(text, v.minLength(1)),
  signKey: key32,
  sealKey: key32,
  vaultKey: key32,
  restic: v.nullable(v.pipe(text, v.regex(/^(\/|[A-Za-z]:[\\/])/, "must be an absolute path"))),
  certSha256: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"))),
  allowPlainWs: v.boolean(),
});
export type AgentConfig = v.InferOutput<typeof configSchema>;

/** Why the agent cannot start, in a sentence for the terminal. */
export class ConfigError extends Error {}

/** Reads agent.yaml; refuses a file that others can read or that belongs to someone else. */
export function loadConfig(directories: Directories): AgentConfig {
  const path = configFile(directories);
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      throw new ConfigError(
        `There is no ${path}. Run "restic-manager-agent enroll --server URL" first, or name its folder with --config-dir.`,
      );
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}. Run the agent as the file's owner.`);
  }
  try {
    const stat = fstatSync(fd);
    const uid = process.getuid?.();
    if (!stat.isFile()) throw new ConfigError(`${path} is not a file.`);
    if (uid !== undefined && stat.uid !== uid)
      throw new ConfigError(
        `${path} belongs to user ${stat.uid}, but the agent runs as user ${uid}. Run it as the owner, or chown the file.`,
      );
    if (uid !== undefined && (stat.mode & 0o077) !== 0)
      throw new ConfigError(
        `${path} can be read or written by others (mode ${(stat.mode & 0o777).toString(8)}), and it holds this host's keys. Run: chmod 600 ${path}`,
      );
    return readConfig(path, readFileSync(fd, "utf8"));
  } finally {
    closeSync(fd);
  }
}

function readConfig(path: string, content: string): AgentConfig {
  let value: unknown;
  try {
    value = parse(content);
  } catch {
    throw new ConfigError(`${path} is not YAML. Restore it from a copy, or remove it and enrol again.`);
  }
  const parsed = v.safeParse(configSchema, value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  // The message of an issue may quote the value, which may be a key: only the name of the field is said.
  throw new ConfigError(
    `${path}: "${v.getDotPath(issue) ?? "?"}" is missing, unknown or malformed. Restore the file from a copy, or remove it and enrol again.`,
  );
}

/** Keeps agent.yaml, 0600, in one atomic write. */
export function saveConfig(directories: Directories, config: AgentConfig): void {
  makePrivateDirectory(directories.config);
  writeFileAtomically(configFile(directories), formatConfig(config));
}

function formatConfig(config: AgentConfig): string {
  // A JSON scalar is a YAML scalar (YAML 1.2 section 1.2), so no value can break out of its line.
  const line = (key: keyof AgentConfig) => `${key}: ${JSON.stringify(config[key])}\n`;
  return [
    "# restic-manager agent. Made at enrolment; keep it 0600. Who holds this file can act as this host.\n",
    line("server"),
    line("hostId"),
    "# The host name that every snapshot of this host carries.\n",
    line("hostname"),
    "# What the agent shows to the server when it connects.\n",
    line("bearer"),
    "# Ed25519: proves to the server that this is the machine that enrolled.\n",
    line("signKey"),
    "# X25519: opens the repository credentials that the server seals for this host.\n",
    line("sealKey"),
    "# Encrypts secrets.enc in the state folder, which holds the repository passwords. It protects copies of the\n" +
      "# state folder (backups, disk images) that lack this file; it does not protect against root on this host.\n",
    line("vaultKey"),
    "# Absolute path of the restic to use; null searches PATH.\n",
    line("restic"),
    "# SHA-256 of the server's TLS certificate; null trusts the system's certificate authorities.\n",
    line("certSha256"),
    "# Whether ws:// without TLS may leave this machine. Only for a lab.\n",
    line("allowPlainWs"),
  ].join("");
}
