import { redact } from "../core/secrets/redact.ts";
import type { Log } from "./bindings.ts";

/** One JSON object a line: time, level, event, then the fields. Every line passes the redactor. */
export function createLog(write: (line: string) => void, now: () => number): Log {
  const at =
    (level: "info" | "warn" | "error") =>
    (event: string, fields: Readonly<Record<string, unknown>> = {}) =>
      write(
        JSON.stringify({
          time: new Date(now()).toISOString(),
          level,
          event,
          ...(redact(fields) as Record<string, unknown>),
        }),
      );
  return { info: at("info"), warn: at("warn"), error: at("error") };
}
