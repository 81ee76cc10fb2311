import { isMap, parseDocument } from "yaml";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import { parsePolicy } from "./policy-file.ts";
import { POLICY_KEYS, type PolicyKey } from "./policy-values.ts";

const LISTS: ReadonlySet<PolicyKey> = new Set(["allow_paths", "deny_paths", "restore_roots", "allow_repositories"]);

/**
 * policy.yaml with one key set and its comments kept: the key's own line changes, else the comment that shows its
 * default gives way. Fails with a sentence when the key or the value is none.
 */
export function editPolicy(text: string, name: string, words: readonly string[]): Result<string> {
  const key = POLICY_KEYS.find((known) => known === name);
  if (key === undefined)
    return fail("request.invalid", `There is no key "${name}". The keys are ${POLICY_KEYS.join(", ")}.`);
  if (words.length === 0) return fail("request.invalid", `Name the value: policy set ${key} VALUE`);
  const edited = setKey(text, key, valueOf(key, words));
  const values = parsePolicy(edited);
  return typeof values === "string" ? fail("request.invalid", `Nothing was changed: ${values}.`) : ok(edited);
}

/** Lists take a word per entry, or `none`; `any` lifts the limit of allow_paths. */
function valueOf(key: PolicyKey, words: readonly string[]): unknown {
  const [word] = words;
  if (!LISTS.has(key)) return words.length === 1 ? scalarOf(word!) : words;
  if (words.length === 1 && word === "none") return [];
  if (key === "allow_paths" && words.length === 1 && word === "any") return null;
  if (key === "allow_repositories" && words.length === 1 && word === "first") return "first";
  return [...new Set(words)];
}

function scalarOf(word: string): unknown {
  if (word === "true" || word === "false") return word === "true";
  return /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : word;
}

function setKey(text: string, key: PolicyKey, value: unknown): string {
  const document = parseDocument(text);
  if (isMap(document.contents) && document.has(key)) {
    document.set(key, document.createNode(value, { flow: true }));
    return document.toString({ lineWidth: 0 });
  }
  // A JSON value is a YAML value (YAML 1.2 section 1.2).
  const line = `${key}: ${JSON.stringify(value)}`;
  const shown = new RegExp(`^# ?${key}:.*$`, "m");
  if (shown.test(text)) return text.replace(shown, () => line);
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`;
}
