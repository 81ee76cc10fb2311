/**
 * The line an operator pastes on a host. The token travels in the environment only: `export` is the shell's own, so
 * the token is in no argv, and sudo is told by name what to keep.
 */
export function installCommand(install: { origin: string; token: string; certSha256: string | null }): string {
  const env: [string, string][] = [["RM_TOKEN", install.token]];
  if (install.certSha256 !== null) env.push(["RM_CERT_SHA256", install.certSha256]);
  const exported = env.map(([name, value]) => `${name}=${shellWord(value)}`).join(" ");
  const kept = env.map(([name]) => name).join(",");
  const origin = shellWord(install.origin);
  const plain = isPlainAwayFromLoopback(install.origin) ? " --allow-plain-ws" : "";
  return `export ${exported}; curl -fsSL ${shellWord(`${install.origin}/install.sh`)} | sudo --preserve-env=${kept} sh -s -- --server ${origin}${plain}`;
}

/** `value` as one word of a POSIX shell (POSIX.1-2024, 2.2.2 Single-Quotes). */
function shellWord(value: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

/** A lab without TLS: the agent refuses plain sockets away from loopback unless it is told. */
function isPlainAwayFromLoopback(origin: string): boolean {
  return /^http:\/\/(?!(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|$))/.test(origin);
}
