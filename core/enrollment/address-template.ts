import { fail, ok, type Result } from "../../protocol/failure.ts";
import { parseAddress, type Backend } from "../../protocol/repository.ts";

/** What stands for the host in the repository address of a fleet token. */
export const HOSTNAME_SLOT = "{hostname}";

/** A DNS label's length: it fits every backend's limit on a part of a path. */
const MAX_SAFE_LENGTH = 63;

/**
 * A hostname as a part of a repository address: only `a-z`, `0-9`, `.` and `-`, at most 63 characters, beginning and
 * ending with a letter or digit, never `..`. Different hostnames may have one form; "host" stands for one that leaves
 * nothing.
 */
export function safeHostname(hostname: string): string {
  const plain = hostname
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/\.{2,}/g, ".");
  return trimEnds(trimEnds(plain).slice(0, MAX_SAFE_LENGTH)) || "host";
}

function trimEnds(text: string): string {
  return text.replace(/^[.-]+/, "").replace(/[.-]+$/, "");
}

/** The address of one host. `safeName` is a `safeHostname`, with or without a suffix. */
export function fillTemplate(template: string, safeName: string): string {
  return template.replaceAll(HOSTNAME_SLOT, () => safeName);
}

/**
 * The backend of a repository address with `{hostname}` in it, or why it is refused: it must be an address once filled
 * in, and name the host below the server, bucket or drive, so that a host cannot choose where others send their data.
 */
export function parseTemplate(template: string): Result<{ backend: Backend; template: string }> {
  const no = (why: string) => fail("repository.address_invalid", why);
  if (!template.includes(HOSTNAME_SLOT))
    return no("Put {hostname} into the address where each host's own name goes, such as /srv/backups/{hostname}.");
  const filled = parseAddress(fillTemplate(template, "host"));
  if (!filled.ok) return filled;
  if (/[{}]/.test(fillTemplate(template, ""))) return no("{hostname} is the only part in braces that is filled in.");
  const { backend } = filled.value;
  if (PLACE[backend].exec(template)?.[0].includes(HOSTNAME_SLOT) !== false)
    return no("{hostname} must stand in the path of the address, behind the server or bucket.");
  return ok({ backend, template });
}

/** The part of an address that says which server, bucket or drive it is on. */
const PLACE: Readonly<Record<Backend, RegExp>> = {
  local: /^(?:[A-Za-z]:|\\\\[^\\/]*)?[\\/]/,
  rest: /^rest:https?:\/\/[^/]*\//,
  s3: /^s3:(?:https?:\/\/)?[^/]*\/[^/]*\//,
  b2: /^b2:[^:]*:/,
  azure: /^azure:[^:]*:/,
  sftp: /^sftp:(?:\/\/[^/]*\/|[^:/]*[:/])/,
};
