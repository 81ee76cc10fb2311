import fc from "fast-check";
import { expect, test } from "vitest";
import type { ServerMessage } from "../../protocol/wire.ts";
import { backoffMs, floorMs } from "./backoff.ts";
import { startState, stepLink, type LinkEffect, type LinkEvent, type LinkState } from "./step.ts";

const nonce = "n".repeat(43);
const challenge: ServerMessage = { type: "challenge", nonce, serverTimeMs: 1 };
const welcome: ServerMessage = { type: "welcome", join: 3, acked: {}, scheduleVersion: 0, configVersion: 0, timeMs: 1 };
const cancel: ServerMessage = { type: "job.cancel", jobId: "0198c2f0-79b0-7000-8000-000000000000" };

function play(events: readonly LinkEvent[], from: LinkState = startState): { state: LinkState; effects: LinkEffect[] } {
  let state = from;
  let effects: LinkEffect[] = [];
  for (const event of events) ({ state, effects } = stepLink(state, event, 0.5));
  return { state, effects };
}
const toLive: LinkEvent[] = [
  { on: "start" },
  { on: "opened", socket: 1 },
  { on: "message", socket: 1, message: challenge },
  { on: "message", socket: 1, message: welcome },
];
const kinds = (effects: readonly LinkEffect[]) => effects.map((effect) => effect.do);

test("hello answers the challenge, and the join number is kept before anything else", () => {
  expect(play(toLive.slice(0, 3)).effects).toEqual([{ do: "sendHello", nonce }]);
  const { state, effects } = play(toLive);
  expect(state.is).toBe("live");
  expect(kinds(effects).filter((kind) => kind !== "disarm" && kind !== "arm")).toEqual(["join"]);
});

test("nothing but hello is sent before the welcome, and a command before it ends the socket", () => {
  const { state, effects } = play([...toLive.slice(0, 3), { on: "message", socket: 1, message: cancel }]);
  expect(state.is).toBe("waiting");
  expect(kinds(effects)).not.toContain("deliver");
});

test("a socket that was given up is not heard again", () => {
  const lost = play([...toLive, { on: "ended", socket: 1, ending: { kind: "closed", code: 1006, reason: "" } }]);
  const again = play([{ on: "timer", timer: "retry", silentMs: 0 }], lost.state);
  for (const event of [
    { on: "message", socket: 1, message: cancel },
    { on: "opened", socket: 1 },
    { on: "ended", socket: 1, ending: { kind: "unreachable", why: "late" } },
    { on: "pong", socket: 1 },
  ] satisfies LinkEvent[]) {
    expect(stepLink(again.state, event, 0)).toEqual({ state: again.state, effects: [] });
  }
});

test("a quiet link is pinged after 25 s of silence on either side, and dropped without an answer", () => {
  const { state } = play(toLive);
  const busy = stepLink(state, { on: "timer", timer: "ping", silentMs: 10_000 }, 0);
  expect(busy.effects).toEqual([{ do: "arm", timer: "ping", afterMs: 15_000 }]);
  const quiet = stepLink(state, { on: "timer", timer: "ping", silentMs: 25_000 }, 0);
  expect(quiet.effects[0]).toEqual({ do: "sendPing" });
  expect(stepLink(state, { on: "pong", socket: 1 }, 0).effects).toEqual([{ do: "disarm", timer: "pong" }]);
  expect(play([{ on: "timer", timer: "pong", silentMs: 0 }], state).state.is).toBe("waiting");
});

test("unacknowledged records that do not move end the socket", () => {
  const { state, effects } = play([...toLive, { on: "stalled" }]);
  expect(state.is).toBe("waiting");
  expect(kinds(effects)).toContain("forget");
});

test.each([
  [{ kind: "closed", code: 4403, reason: "revoked" }, 300_000],
  [{ kind: "closed", code: 4401, reason: "" }, 300_000],
  [{ kind: "closed", code: 4423, reason: "locked" }, 300_000],
  [{ kind: "closed", code: 4426, reason: "protocol_too_old 2..3" }, 300_000],
  [{ kind: "refused", status: 401, retryAfterMs: null }, 300_000],
  [{ kind: "refused", status: 503, retryAfterMs: 7000 }, 7000],
  [{ kind: "closed", code: 4429, reason: 'slow_down {"retryAfterMs":5000}' }, 5000],
  [{ kind: "closed", code: 1012, reason: "" }, 0],
  [{ kind: "unreachable", why: "x" }, 0],
] as const)("%j waits at least %i ms", (ending, floor) => {
  expect(floorMs(ending)).toBe(floor);
});

test("the wait is anywhere up to 1 s, 2 s, 4 s … 60 s, and starts anew after 30 s live", () => {
  expect([0, 1, 2, 5, 6, 50].map((attempt) => backoffMs(attempt, 0, 1))).toEqual([
    1000, 2000, 4000, 32_000, 60_000, 60_000,
  ]);
  expect(backoffMs(9, 0, 0)).toBe(0);
  const { state } = play([{ on: "timer", timer: "stable", silentMs: 0 }], { is: "live", socket: 4, attempt: 7 });
  expect(state).toEqual({ is: "live", socket: 4, attempt: 0 });
});

test("who was driven out by another copy of the agent is back within 20 s, so that the server sees both", () => {
  const drivenOut: LinkEvent = { on: "ended", socket: 9, ending: { kind: "closed", code: 4409, reason: "superseded" } };
  for (const attempt of [0, 3, 7, 50]) {
    const { state, effects } = stepLink({ is: "live", socket: 9, attempt }, drivenOut, 1);
    expect(state.is).toBe("waiting");
    const waits = effects.flatMap((effect) => (effect.do === "arm" ? [[effect.timer, effect.afterMs]] : []));
    expect(waits).toEqual([["retry", Math.min(20_000, 1000 * 2 ** attempt)]]);
  }
});

test.each([4413, 1009])("frames are halved when the other end finds one too big, and says so by %i", (code) => {
  const { effects } = play([...toLive, { on: "ended", socket: 1, ending: { kind: "closed", code, reason: "" } }]);
  expect(kinds(effects)).toContain("halveFrames");
});

test("in any order of events there is one socket, a way on, and silence after the stop", () => {
  const event = fc.oneof(
    fc.constantFrom<LinkEvent>({ on: "start" }, { on: "stalled" }),
    fc.record({ on: fc.constant("opened" as const), socket: fc.nat(20) }),
    fc.record({
      on: fc.constant("message" as const),
      socket: fc.nat(20),
      message: fc.constantFrom(challenge, welcome, cancel),
    }),
    fc.record({
      on: fc.constant("ended" as const),
      socket: fc.nat(20),
      ending: fc.constantFrom(
        { kind: "closed" as const, code: 4409, reason: "" },
        { kind: "unreachable" as const, why: "x" },
      ),
    }),
    fc.record({
      on: fc.constant("timer" as const),
      timer: fc.constantFrom(
        "retry" as const,
        "handshake" as const,
        "ping" as const,
        "pong" as const,
        "stable" as const,
      ),
      silentMs: fc.constantFrom(0, 30_000),
    }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let state: LinkState = startState;
      let open = 0;
      let canGoOn = false;
      for (const one of [{ on: "start" } as const, ...events]) {
        const step = stepLink(state, one, 0.5);
        if (step.state.socket < state.socket) throw new Error("a number was used again");
        for (const effect of step.effects) {
          if (effect.do === "dial") open += 1;
          if (effect.do === "forget") open -= 1;
          if (effect.do === "arm" && (effect.timer === "retry" || effect.timer === "handshake")) canGoOn = true;
        }
        state = step.state;
        if (open < 0 || open > 1) throw new Error(`${open} sockets`);
        if (state.is === "waiting" && !canGoOn) throw new Error("waits for ever");
      }
      const stopped = stepLink(state, { on: "stop" }, 0.5).state;
      for (const one of events) expect(stepLink(stopped, one, 0.5).effects).toEqual([]);
    }),
  );
});

test("what the hello told has changed: a live link is dialled anew, any other tells it with its next hello", () => {
  const renew: LinkEvent = { on: "renew", why: "the policy has changed" };
  const { state, effects } = play([...toLive, renew]);
  expect(state.is).toBe("waiting");
  expect(effects).toContainEqual({ do: "forget", code: 1000, reason: "" });
  for (const events of [[], toLive.slice(0, 1), toLive.slice(0, 2)])
    expect(stepLink(play(events).state, renew, 0.5).effects).toEqual([]);
});
