import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { getRawAsset, isSea } from "node:sea";
import { dirname, join } from "node:path";
import { ConfigError } from "../config/config.ts";
import { runSystemCommand, type CommandEnd } from "./system-command.ts";

/** What the agent needs of Windows and Node does not offer; its sources and commands are in windows/main.c. */
export const SERVICE_PROGRAM = "restic-manager-service.exe";
/** Exit code of a command about something that is not there. */
const NOT_THERE = 2;

export function serviceProgramFile(): string {
  return join(dirname(process.execPath), SERVICE_PROGRAM);
}

/** Writes the program beside the agent's own file, out of which it comes; nobody may run it meanwhile. */
export function placeServiceProgram(): void {
  if (!isSea())
    throw new ConfigError("On Windows the agent runs as its one file only: restic-manager-agent-windows-amd64.exe.");
  const file = serviceProgramFile();
  const wanted = Buffer.from(getRawAsset(SERVICE_PROGRAM));
  if (existsSync(file) && readFileSync(file).equals(wanted)) return;
  try {
    writeFileSync(file, wanted);
  } catch (error) {
    throw new ConfigError(
      `${file} cannot be written: ${(error as Error).message}. Stop the service, and run this from an elevated prompt.`,
    );
  }
}

/** Runs one of the program's commands to its end. */
export function runServiceProgram(...words: string[]): CommandEnd & { notThere: boolean } {
  if (!existsSync(serviceProgramFile())) placeServiceProgram();
  const end = runSystemCommand([serviceProgramFile(), ...words]);
  return { ...end, notThere: end.code === NOT_THERE };
}

/** The same for a command that must succeed. */
export function needServiceProgram(...words: string[]): string {
  const { code, output } = runServiceProgram(...words);
  if (code === 0) return output;
  throw new ConfigError(output === "" ? `${SERVICE_PROGRAM} ${words[0]} ended with exit code ${code}.` : output);
}
