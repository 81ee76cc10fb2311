import { OPEN_ENV } from "../../protocol/repository.ts";

/** Below this length a value is found by chance in any text, and its absence would tell it. */
const LEAST_LENGTH = 4;

export type Redact = (text: string) => string;

/** What of a repository's access no text may show: its password, and what of its environment is not a name. */
export function accessSecrets(access: { password: string; env: Readonly<Record<string, string>> }): string[] {
  return [access.password, ...Object.entries(access.env).flatMap(([key, value]) => (OPEN_ENV.has(key) ? [] : [value]))];
}

/**
 * Replaces every secret by `***`, also where it was percent-encoded for a URL, escaped in JSON or base64-encoded. One
 * redactor sees every text of a job before it leaves.
 */
export function makeRedactor(secrets: Iterable<string>): Redact {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < LEAST_LENGTH) continue;
    forms.add(secret);
    forms.add(encodeURIComponent(secret));
    forms.add(JSON.stringify(secret).slice(1, -1));
    forms.add(Buffer.from(secret).toString("base64"));
  }
  if (forms.size === 0) return (text) => text;
  // Longest first: a secret that contains another is replaced whole.
  const alternatives = [...forms].sort((a, b) => b.length - a.length).map(escapeForRegExp);
  const pattern = new RegExp(alternatives.join("|"), "g");
  return (text) => text.replace(pattern, "***");
}

function escapeForRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}
