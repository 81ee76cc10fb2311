import type { FleetSummary } from "../../protocol/api.ts";
import { countOf, countText } from "./size.ts";

/** The dashboard's sentence and the line below it: the worst news first. */
export function fleetVerdict(fleet: FleetSummary): { title: string; line: string } {
  const { total } = fleet;
  if (total === 0)
    return {
      title: "Nothing is backed up yet",
      line: "Add a host. Its first backup can run about two minutes from now.",
    };
  const rest = [
    part(fleet.protected, "protected"),
    part(fleet.offline, "offline"),
    fleet.new > 0 ? `${countText(fleet.new)} ${fleet.new === 1 ? "has" : "have"} no backup yet` : "",
  ].filter((text) => text !== "");
  const line = rest.length > 0 ? `${rest.join(", ")}.` : "";
  if (fleet.atRisk > 0)
    return { title: `${countText(fleet.atRisk)} of ${countOf(total, "host")} ${are(fleet.atRisk)} at risk`, line };
  if (fleet.protected === total)
    return {
      title: total === 1 ? "Your host is protected" : `All ${countText(total)} hosts are protected`,
      line: "Every last backup is in time and complete.",
    };
  if (fleet.protected === 0 && fleet.offline === 0)
    return { title: "No host has been backed up yet", line: "Run a first backup, or give a host a schedule." };
  return { title: "No host is at risk", line };
}

const are = (count: number) => (count === 1 ? "is" : "are");
const part = (count: number, word: string) => (count > 0 ? `${countText(count)} ${are(count)} ${word}` : "");
