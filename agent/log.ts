/** The agent's own log: one line an event, for journald or a terminal. */
export interface AgentLog {
  info(text: string): void;
  warn(text: string): void;
}

/** Writes `<ISO time> <level> <text>` lines; `redact` sees every text before it leaves. */
export function makeLog(write: (line: string) => void, now: () => number, redact: (text: string) => string): AgentLog {
  const line = (level: string, text: string) =>
    write(`${new Date(now()).toISOString()} ${level} ${redact(text).replaceAll(/[\r\n]+/g, " ")}\n`);
  return { info: (text) => line("info", text), warn: (text) => line("warn", text) };
}
