import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isRecoveryKey, mintedPassword } from "./minted-password.ts";

const KEY = `rmk_${"Ab-_".repeat(10)}xyz`;

test("the program in the documentation makes the same password without a server", () => {
  const docs = readFileSync(new URL("../../docs/fleet-tokens.md", import.meta.url), "utf8");
  const program = /```python\n([^]*?)```/.exec(docs)![1]!.replace(/^ {2}/gm, "");
  const address = "rest:https://vault.example.net/web-ä 1";
  // getpass asks a terminal: here both answers come on standard input
  const answered = `import getpass\ngetpass.getpass = input\n${program}`;
  const printed = execFileSync("python3", ["-X", "utf8", "-c", answered], {
    input: `${KEY}\n${address}\n`,
    encoding: "utf8",
  });
  expect(printed).toBe(`Recovery key: Repository address: ${mintedPassword(KEY, address)}\n`);
});

test("each address and each key make another password, of 256 bits", () => {
  const all = [KEY, `${KEY.slice(0, -1)}w`].flatMap((key) => ["/srv/a", "/srv/b"].map((at) => mintedPassword(key, at)));
  expect(new Set(all).size).toBe(4);
  for (const password of all) expect(password).toMatch(/^[\w-]{43}$/);
});

test("a recovery key is known by its form, whatever stands around it", () => {
  expect([KEY, ` ${KEY}\n`, KEY.slice(1), `${KEY}A`, ""].map(isRecoveryKey)).toEqual([true, true, false, false, false]);
});
