import { expect, test } from "vitest";
import { stateOf } from "./systemd.ts";

test.each([
  ["LoadState=loaded\nActiveState=active", "running"],
  ["LoadState=loaded\nActiveState=failed", "stopped"],
  ["LoadState=loaded\nActiveState=deactivating", "changing"],
  ["LoadState=not-found\nActiveState=inactive", "not installed"],
  ["System has not been booted with systemd as init system (PID 1). Can't operate.", "not installed"],
])("%j is %s", (shown, state) => expect(stateOf(shown)).toBe(state));
