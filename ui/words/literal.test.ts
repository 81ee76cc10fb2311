import { expect, test } from "vitest";
import { literal } from "./literal.ts";

test("colour codes and terminal titles are gone", () => {
  expect(literal("\u001b[31;1mred\u001b[0m \u001b]0;title\u0007done \u001b(Bplain")).toBe("red done plain");
});

test("characters that move, hide or reorder text become marks", () => {
  expect(literal("a\rb\nc\u0000")).toBe("a\u240db\u240ac\u2400");
  expect(literal("invoice\u202efdp.exe")).toBe("invoice\u2039U+202E\u203afdp.exe");
  expect(literal("half \u001b[")).toBe("half \u241b[");
});

test("ordinary text of any script is left alone", () => {
  const text = "nas-01 \t Łódź 東京 שלום 😀 <b>&amp;</b>";
  expect(literal(text)).toBe(text);
});
