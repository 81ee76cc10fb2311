import { expect, test } from "vitest";
import { cleanHostname, ownNames } from "./own-name.ts";

test("a host is called by its hostname while nothing looks like it", () => {
  expect(ownNames("Web-1.example", "web-1.example", ["web-2.example"], 1)).toEqual([
    { name: "Web-1.example", safeName: "web-1.example" },
  ]);
});

test("a host whose name is taken, or looks like one that is, gets the next number", () => {
  expect(ownNames("web", "web", ["wеb", "WEB-2"], 2)).toEqual([
    { name: "web-3", safeName: "web-3" },
    { name: "web-4", safeName: "web-4" },
  ]);
});

test("a hostname loses what cannot be seen and keeps room for a suffix", () => {
  expect(cleanHostname(" we\u202eb\u0000-1. ")).toBe("web-1");
  expect(cleanHostname("\u200b..")).toBe("host");
  expect(cleanHostname("x".repeat(500))).toHaveLength(112);
});
