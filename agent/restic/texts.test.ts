import fc from "fast-check";
import { expect, test } from "vitest";
import { cleanLine, clip } from "./clean-text.ts";
import { repositoryEnvironment, plainEnvironment } from "./environment.ts";
import { LineSplitter } from "./line-splitter.ts";
import { makeRedactor } from "./redact.ts";
import { parseVersion } from "./version.ts";

test("a secret is found in every form it can take in a text", () => {
  const secret = 'p@ss/w"ord $1.*';
  const redact = makeRedactor([secret, "short-one", "abc"]);
  const shown = [
    `Fatal: ${secret} failed`,
    `rest:http://u:${encodeURIComponent(secret)}@host/`,
    JSON.stringify({ secret }),
    `Authorization: Basic ${Buffer.from(secret).toString("base64")}`,
    "short-one",
  ].map(redact);
  for (const text of shown) expect(text).toContain("***");
  expect(shown.join()).not.toMatch(/p@ss|p%40ss|short-one/);
  expect(redact("abc stays, or its absence would tell it")).toContain("abc");
  expect(makeRedactor(["secret", "secret-longer"])("secret-longer")).toBe("***");
});

test("lines are cut the same however the stream was", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.array(fc.nat(20)), (texts, cuts) => {
      const lines = texts.map((text) => text.replaceAll("\n", "")).filter((text) => text !== "");
      let rest = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const heard: string[] = [];
      const splitter = new LineSplitter(1000, (line) => heard.push(line.toString()));
      for (const cut of cuts) {
        splitter.push(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      splitter.push(rest);
      splitter.end();
      expect(heard).toEqual(lines);
    }),
  );
});

test("a line without an end is given in part, and the next one whole", () => {
  const heard: string[] = [];
  const splitter = new LineSplitter(4, (line) => heard.push(line.toString()));
  splitter.push(Buffer.from("abc"));
  splitter.push(Buffer.from("defghi"));
  splitter.push(Buffer.from("jk\nxy\nz"));
  splitter.end();
  expect(heard).toEqual(["abcd", "xy", "z"]);
});

test("control characters and escapes leave, text stays, cuts fall between characters", () => {
  expect(cleanLine("\u001b[31mred\u001b[0m\u0000\r\tend\u009b ")).toBe("red end");
  expect(clip("äöü", 3)).toBe("ä");
  expect(clip("a😀", 4)).toBe("a");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(30), (text, bytes) => {
      const cut = clip(text, bytes);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytes);
      expect(text.startsWith(cut)).toBe(true);
    }),
  );
});

test("a child gets a closed list of the environment, and the login where its version looks for it", () => {
  const own = {
    PATH: "/bin",
    LD_PRELOAD: "/evil.so",
    NODE_OPTIONS: "-r x",
    RESTIC_PASSWORD_COMMAND: "x",
    https_proxy: "p",
  };
  expect(plainEnvironment(own, "/cache")).toEqual({
    PATH: "/bin",
    https_proxy: "p",
    RESTIC_CACHE_DIR: "/cache",
    RESTIC_PROGRESS_FPS: "1",
  });
  const access = {
    address: "rest:https://host/one",
    password: "x",
    env: { RESTIC_REST_USERNAME: "a:b", RESTIC_REST_PASSWORD: "c@d/$&", AWS_ACCESS_KEY_ID: "not for rest" },
  };
  expect(repositoryEnvironment(access, { major: 0, minor: 18, patch: 0 })).toEqual({
    ok: true,
    value: {
      RESTIC_REPOSITORY: "rest:https://host/one",
      RESTIC_PASSWORD: "x",
      RESTIC_REST_USERNAME: "a:b",
      RESTIC_REST_PASSWORD: "c@d/$&",
    },
  });
  expect(repositoryEnvironment(access, { major: 0, minor: 16, patch: 0 })).toEqual({
    ok: true,
    value: { RESTIC_REPOSITORY: "rest:https://a%3Ab:c%40d%2F%24%26@host/one", RESTIC_PASSWORD: "x" },
  });
  expect(repositoryEnvironment({ ...access, address: "rclone:x:y" }, { major: 0, minor: 18, patch: 0 })).toMatchObject({
    failure: { code: "repository.address_invalid" },
  });
});

test("the version is read from the text every version prints", () => {
  expect(parseVersion("restic 0.14.0 compiled with go1.19.8 on linux/amd64\n")).toEqual({
    major: 0,
    minor: 14,
    patch: 0,
  });
  expect(parseVersion("restic 0.18.0-dev (compiled manually)")).toEqual({ major: 0, minor: 18, patch: 0 });
  expect(parseVersion("bash: restic: not found")).toBeNull();
});
