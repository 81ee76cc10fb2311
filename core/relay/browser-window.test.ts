import fc from "fast-check";
import { expect, test } from "vitest";
import { BROWSER_SEEN_EVERY_BYTES, BROWSER_WINDOW_BYTES } from "../../protocol/limits.ts";
import { hasRoom, noteSeen, noteSent, openWindow } from "./browser-window.ts";

test("the window shuts at 1 MiB unseen and opens when the browser has seen some", () => {
  const window = openWindow(0);
  for (let seq = 1; hasRoom(window); seq++) noteSent(window, seq, 64 * 1024);
  expect(window.cursor).toBe(16);
  noteSeen(window, 1);
  expect(hasRoom(window)).toBe(true);
});

test("what is unseen is never counted as less than it is, and all of it is seen in the end", () => {
  const frames = fc.array(fc.record({ size: fc.integer({ min: 1, max: 300_000 }), seen: fc.boolean() }));
  fc.assert(
    fc.property(frames, (sent) => {
      const window = openWindow(0);
      const sizes: number[] = [];
      let seen = 0;
      for (const frame of sent) {
        sizes.push(frame.size);
        noteSent(window, sizes.length, frame.size);
        if (frame.seen) noteSeen(window, (seen = Math.floor((seen + sizes.length) / 2)));
        const unseen = sizes.slice(seen).reduce((sum, size) => sum + size, 0);
        expect(window.unseen).toBeGreaterThanOrEqual(unseen);
        expect(window.unseen).toBeLessThan(unseen + BROWSER_SEEN_EVERY_BYTES + 300_000);
      }
      noteSeen(window, Number.MAX_SAFE_INTEGER);
      expect(window).toEqual({ cursor: sizes.length, unseen: 0, marks: [] });
    }),
  );
});

test("the window fits into a socket's attachment while it is open", () => {
  const window = openWindow(0);
  for (let seq = 1; hasRoom(window); seq++) noteSent(window, seq * 1e9, 100);
  expect(window.unseen).toBeGreaterThanOrEqual(BROWSER_WINDOW_BYTES);
  expect(JSON.stringify(window).length).toBeLessThan(1024);
});
