/** A point in time on the clocks of a zone: "Tue 24 Nov" and "13:30". `timeZone` is an IANA name that exists. */
export function zonedText(atMs: number, timeZone: string): { day: string; clock: string } {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    weekday: "short",
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(atMs);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((each) => each.type === type)?.value ?? "";
  return {
    day: `${part("weekday")} ${part("day")} ${part("month")}`,
    clock: `${part("hour")}:${part("minute")}`,
  };
}

/** Every zone that the browser knows. */
export function knownZones(): readonly string[] {
  const zones = Intl.supportedValuesOf("timeZone");
  return zones.includes("UTC") ? zones : ["UTC", ...zones];
}

/** The zone of whoever looks. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
