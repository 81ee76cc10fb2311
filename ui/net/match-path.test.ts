import { expect, test } from "vitest";
import { matchPath } from "./match-path.ts";

test("a path fits its pattern part by part, or not at all", () => {
  expect(matchPath("/", "/")).toEqual({});
  expect(matchPath("/hosts/:host/jobs", "/hosts/7/jobs")).toEqual({ host: "7" });
  expect(matchPath("/hosts/:host", "/hosts/%E0%A4%A")).toEqual({ host: "%E0%A4%A" });
  for (const path of ["/hosts", "/hosts/7", "/hosts/7/jobs/8", "/jobs/7/jobs"])
    expect(matchPath("/hosts/:host/jobs", path)).toBeNull();
});
