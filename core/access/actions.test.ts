import { expect, test } from "vitest";
import { ACTIONS, actionsOf, lowerRole, mayDo, mayGrant } from "./actions.ts";

test("an admin may do everything", () => {
  expect(actionsOf("admin")).toEqual(ACTIONS);
});

test("a viewer changes nothing but what is his own", () => {
  expect(actionsOf("viewer").filter((action) => !action.endsWith(".read"))).toEqual([
    "stream.open",
    "session.end",
    "token.create",
    "token.revoke",
  ]);
});

test("deleting a host and reading the audit are for admins", () => {
  expect(mayDo("operator", "host.delete")).toBe(false);
  expect(mayDo("operator", "audit.read")).toBe(false);
  expect(mayDo("operator", "job.run")).toBe(true);
});

test("nobody grants a role above his own, and the lower of two roles counts", () => {
  expect(mayGrant("operator", "admin")).toBe(false);
  expect(mayGrant("operator", "operator")).toBe(true);
  expect(lowerRole("admin", "viewer")).toBe("viewer");
});
