import { expect, test } from "vitest";
import { checkArgv, describeRead, parseCheckSummary } from "./check.ts";
import { parseComplaint } from "./complaints.ts";
import { Damage } from "./damage.ts";

const hex = (digit: string) => digit.repeat(64);
const v14 = { major: 0, minor: 14, patch: 0 };
const v18 = { major: 0, minor: 18, patch: 0 };

/** What restic says on stderr, heard as a session hears it. */
function hear(stderr: string): Damage {
  const damage = new Damage();
  for (const line of stderr.split("\n")) {
    const complaint = parseComplaint(line);
    if (complaint?.kind === "text") damage.hear(complaint.text);
  }
  return damage;
}

test("how much is read is asked as restic wants it, and told in the same words", () => {
  const argv = (read: Parameters<typeof checkArgv>[0]) => checkArgv(read, { downloadKiBs: 10 }).slice(2);
  expect(argv({ mode: "none" })).toEqual(["--limit-download=10"]);
  expect(argv({ mode: "percent", percent: 10 })[0]).toBe("--read-data-subset=10%");
  expect(argv({ mode: "percent", percent: 100 })[0]).toBe("--read-data");
  expect(argv({ mode: "part", part: 3, of: 30 })[0]).toBe("--read-data-subset=3/30");
  expect(argv({ mode: "part", part: 1, of: 1 })[0]).toBe("--read-data");
  expect(describeRead({ mode: "part", part: 3, of: 30 })).toBe("3/30");
});

test("the summary of 0.18 and newer is read, whatever else is on the line's side", () => {
  const line = `{"message_type":"summary","num_errors":2,"broken_packs":["${hex("a")}","x"],"suggest_repair_index":false,"suggest_prune":true}`;
  expect(parseCheckSummary(line)).toEqual({
    errors: 2,
    brokenPacks: [hex("a")],
    suggestRepairIndex: false,
    suggestPrune: true,
  });
  expect(parseCheckSummary('{"message_type":"summary","num_errors":0,"broken_packs":null}')).toMatchObject({
    errors: 0,
    brokenPacks: [],
  });
  expect(parseCheckSummary("create exclusive lock for repository")).toBeNull();
  expect(parseCheckSummary("{")).toBeNull();
});

// Recorded from Debian's restic 0.14.0, 0.18.0 and 0.19.1.
test("a flipped byte is a pack that holds other bytes, in every version", () => {
  const old = hear(`Pack ID does not match, want ${hex("8")}, got ${hex("4")}\nFatal: repository contains errors\n`);
  expect(old.errors).toBe(1);
  expect(old.describe(v14)).toContain(`pack ${hex("8")} holds other bytes than were written`);
  expect(old.describe(v14)).toContain("restic 0.16 or newer is needed");
  const recent = hear(
    [
      String.raw`{"message_type":"error","message":"pack ${hex("3")} contains 2 errors: [blob ${hex("e")}: decrypting blob <data/e25c0539> from 3457fd7a failed: ciphertext verification failed]\n"}`,
      String.raw`{"message_type":"error","message":"restic repair packs ${hex("3")}\nrestic repair snapshots --forget\n\n"}`,
    ].join("\n"),
  );
  expect(recent.errors).toBe(1);
  expect(recent.describe(v18)).toMatch(
    new RegExp(`: restic repair packs ${hex("3")}; restic repair snapshots --forget\\.`),
  );
});

test("missing packs, unreadable snapshots and folders are named and counted, in the singular and the plural", () => {
  const damage = hear(
    [
      ...["1", "2", "3", "4"].map((digit) => `pack ${hex(digit)}: does not exist`),
      "error: load <snapshot/1556d69656>: invalid data returned",
      "error for tree 14a4c71d:",
      `  id ${hex("1")} not found in repository`,
      `pack ${hex("5")}: not referenced in any index`,
    ].join("\n"),
  );
  expect(damage.errors).toBe(6);
  const words = damage.describe(v18);
  expect(words).toContain(`4 packs are missing from the storage (${hex("1")}, ${hex("2")}, ${hex("3")} and 1 more)`);
  expect(words).toContain("snapshot 1556d696 cannot be read");
  expect(words).toContain("1 folder of its snapshots cannot be read whole");
  expect(words).toContain("restic repair index; restic repair snapshots --forget");
});

test("a hint of several lines is one line of the log, its commands apart", () => {
  expect(parseComplaint(String.raw`{"message_type":"error","message":"restic repair packs a\nrestic b\n\n"}`)).toEqual({
    kind: "text",
    text: "restic repair packs a; restic b",
    level: "error",
    skippedPath: false,
  });
});
