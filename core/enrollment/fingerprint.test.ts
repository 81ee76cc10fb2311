import { expect, test } from "vitest";
import { fingerprintMatches, fingerprintOf, groupFingerprint } from "./fingerprint.ts";

// SHA-256 of 32 zero bytes
const FINGERPRINT = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";

test("a fingerprint is the SHA-256 of the key's bytes, shown in groups of four", () => {
  expect(fingerprintOf("A".repeat(43))).toBe(FINGERPRINT);
  expect(groupFingerprint(FINGERPRINT)).toBe(
    "6668 7aad f862 bd77 6c8f c18b 8e9f 8e20 0897 1485 6ee2 33b3 902a 591d 0d5f 2925",
  );
});

test.each([
  ["the whole of it in groups", groupFingerprint(FINGERPRINT)],
  ["ten digits at the start", "66687aadf8"],
  ["ten at the end, in capitals", "1D0D5F2925"],
  ["a part over a group's edge, with other grouping", "7a:ad-f8.62\nb d"],
])("%s is enough", (_what, typed) => {
  expect(fingerprintMatches(typed, FINGERPRINT)).toBe(true);
});

test.each([
  ["nothing", ""],
  ["grouping alone", " : - "],
  ["nine digits, which are 36 bits", "66687aadf"],
  ["ten digits with one changed", "66687aadf9"],
  ["two parts that do not follow one another", "66687 d5f2925"],
  ["digits with a letter that is none", "66687aadf8x"],
  ["lookalike digits", "６６６８７aadf8"],
  ["more than all of it", `${FINGERPRINT}0`],
])("%s is not", (_what, typed) => {
  expect(fingerprintMatches(typed, FINGERPRINT)).toBe(false);
});
