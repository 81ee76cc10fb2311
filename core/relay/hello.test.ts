import fc from "fast-check";
import { expect, test } from "vitest";
import { judgeJoin } from "./hello.ts";

test("a join number below the confirmed one is a copy's, one above all given out shows a rolled-back server", () => {
  expect(judgeJoin({ confirmed: 4, minted: 6 }, 3)).toBe("clone");
  for (const join of [4, 5, 6]) expect(judgeJoin({ confirmed: 4, minted: 6 }, join)).toBe("accepted");
  expect(judgeJoin({ confirmed: 4, minted: 6 }, 7)).toBe("server-rolled-back");
});

test("an agent that keeps its number, or dies before it could, is never taken for a copy", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("kept", "confirmed", "died")), (connects) => {
      const server = { confirmed: 0, minted: 0 };
      let disk = 0;
      for (const fate of connects) {
        expect(judgeJoin(server, disk)).toBe("accepted");
        server.confirmed = disk;
        server.minted += 1;
        if (fate !== "died") disk = server.minted;
        if (fate === "confirmed") server.confirmed = disk;
      }
    }),
  );
});
