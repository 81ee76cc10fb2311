import { readFileSync } from "node:fs";
import * as v from "valibot";
import { count } from "../../protocol/scalars.ts";
import { scheduleSchema, type ServerMessage } from "../../protocol/wire.ts";
import { writeFileAtomically } from "../disk/atomic-file.ts";

type ScheduleSet = Extract<ServerMessage, { type: "schedule.set" }>;

const contentSchema = v.object({ version: count, schedules: v.array(scheduleSchema) });

/** The host's schedules, kept so that they are known with the server down. The whole set replaces the whole set. */
export class Schedules {
  readonly #path: string;
  #version: number;

  constructor(path: string) {
    this.#path = path;
    this.#version = readVersion(path);
  }

  /** 0 when none were ever set, so that the server sends them. */
  get version(): number {
    return this.#version;
  }

  /** False for a set older than the present one. Throws the system's error when it cannot be kept. */
  set(message: ScheduleSet): boolean {
    if (message.version < this.#version) return false;
    const { version, schedules } = message;
    writeFileAtomically(this.#path, JSON.stringify({ version, schedules }));
    this.#version = version;
    return true;
  }
}

function readVersion(path: string): number {
  try {
    const parsed = v.safeParse(contentSchema, JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.output.version : 0;
  } catch {
    return 0;
  }
}
