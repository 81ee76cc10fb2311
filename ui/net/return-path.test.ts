import { expect, test } from "vitest";
import { returnPath } from "./return-path.ts";

test("only a path of this console is returned to", () => {
  expect(returnPath("/hosts/1/jobs?state=failed")).toBe("/hosts/1/jobs?state=failed");
  for (const hostile of ["//evil.example", "/\\evil.example", "/\t/evil.example", "https://evil.example", "evil", ""])
    expect(returnPath(hostile)).toBe("/");
  expect(returnPath("/login?next=/login")).toBe("/");
  expect(returnPath(undefined)).toBe("/");
});
