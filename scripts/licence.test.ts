import { readFileSync } from "node:fs";
import license from "spdx-license-list/licenses/PolyForm-Noncommercial-1.0.0.json" with { type: "json" };
import { expect, test } from "vitest";

test("LICENSE is the PolyForm Noncommercial licence, letter for letter", () => {
  expect(readFileSync(new URL("../LICENSE", import.meta.url), "utf8").trim()).toBe(license.licenseText.trim());
});
