import { fleetFeedObject, hostRelayObject, pendingRelayObject } from "../../durable-objects/objects.ts";
import { TestOutside } from "../contract/relay-world.ts";

/** The objects of the product with the rest of the server played by the test, one outside for each host. */
const outsides = new Map<string, TestOutside>();
export function outsideOf(name: string): TestOutside {
  const known = outsides.get(name) ?? new TestOutside();
  outsides.set(name, known);
  return known;
}

export class TestHostRelay extends hostRelayObject((_env: unknown, name) => outsideOf(name)) {}
export class TestPendingRelay extends pendingRelayObject((_env: unknown, name) => outsideOf(name)) {}
export class TestFleetFeed extends fleetFeedObject((_env: unknown) => outsideOf("fleet")) {}

export default {
  fetch: () => new Response(null, { status: 404 }),
} satisfies ExportedHandler;
