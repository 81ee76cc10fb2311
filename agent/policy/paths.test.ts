import { describe, expect, test } from "vitest";
import { ok } from "../../protocol/failure.ts";
import { judgePaths, PATH_STYLES } from "./paths.ts";

const COMMAND = { configDirectory: null, stateDirectory: null };
/** As GetFinalPathNameByHandle answers: the names in the case they were made in. */
const MADE = [String.raw`C:\Users\Ada`, String.raw`C:\Users\Ada\[Keys]`, String.raw`D:\Data`];
const realPaths = {
  all: async (paths: readonly string[]) =>
    ok(paths.map((path) => MADE.find((made) => made.toLowerCase() === path.toLowerCase()) ?? path)),
};

async function judge(path: string, allowPaths: string[] | null, denyPaths: string[]) {
  return judgePaths([path], { allowPaths, denyPaths }, COMMAND, realPaths, PATH_STYLES.windows);
}

describe("paths of Windows", () => {
  test.each([
    [String.raw`c:\users\ADA`, [String.raw`C:\Users`], []],
    ["C:/Users/Ada/", [String.raw`c:\users`], []],
    [String.raw`D:\Data`, ["D:\\"], []],
    ["D:\\", ["D:\\"], []],
    [String.raw`\\nas\share\a`, [String.raw`\\nas\share`], []],
  ])("%s is within %j", async (path, allow, deny) => {
    expect(await judge(path, allow, deny)).toEqual(ok({ excludes: [] }));
  });

  test.each([
    [String.raw`C:\Users\Adam`, [String.raw`C:\Users\Ada`], []],
    [String.raw`C:\Users\..\Windows`, [String.raw`C:\Users`], []],
    [String.raw`c:/users/ada/[keys]/old`, null, [String.raw`C:\USERS\Ada\[Keys]`]],
    [String.raw`\\localhost\C$\Users\Ada\[Keys]`, null, [String.raw`C:\Users\Ada\[Keys]`]],
    [String.raw`\\?\C:\Users\Ada\[Keys]`, null, [String.raw`C:\Users\Ada\[Keys]`]],
  ])("%s is refused where %j is allowed and %j denied", async (path, allow, deny) => {
    expect(await judge(path, allow, deny)).toMatchObject({ ok: false, failure: { code: "policy.forbidden" } });
  });

  test("a denied folder below what is asked is excluded, by a pattern that means it alone", async () => {
    expect(await judge(String.raw`c:\users`, null, [String.raw`C:\Users\Ada\[Keys]`])).toEqual(
      ok({ excludes: [String.raw`c:\users\Ada\[[]Keys]`] }),
    );
  });
});
