import { readFileSync, rmSync } from "node:fs";
import * as v from "valibot";
import { fromBase64url, toBase64url } from "../../core/bytes.ts";
import type { RandomBytes } from "../../core/ids.ts";
import { key32 } from "../../protocol/scalars.ts";
import { statePath, type Directories } from "../config/directories.ts";
import { makePrivateDirectory, writeFileAtomically } from "../disk/atomic-file.ts";
import type { HostKeys } from "../enroll.ts";

const keptSchema = v.strictObject({ server: v.string(), signKey: key32, sealKey: key32 });

function keysFile(directories: Directories): string {
  return statePath(directories, "announced.json");
}

/**
 * The keys this host announces itself with, kept 0600 until it has joined: the fingerprint on the terminal is the same
 * after a restart. Another server gets other keys. Throws the system's error.
 */
export function keysToAnnounce(directories: Directories, server: string, random: RandomBytes): HostKeys {
  const kept = readKept(directories, server);
  if (kept) return kept;
  const keys = { signKey: random(32), sealKey: random(32) };
  makePrivateDirectory(directories.state);
  const text = { server, signKey: toBase64url(keys.signKey), sealKey: toBase64url(keys.sealKey) };
  writeFileAtomically(keysFile(directories), JSON.stringify(text));
  return keys;
}

/** Forgets them: the host has joined, or was rejected. */
export function forgetAnnouncedKeys(directories: Directories): void {
  rmSync(keysFile(directories), { force: true });
}

function readKept(directories: Directories, server: string): HostKeys | null {
  let text: string;
  try {
    text = readFileSync(keysFile(directories), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const parsed = v.safeParse(keptSchema, JSON.parse(text));
    if (!parsed.success || parsed.output.server !== server) return null;
    const signKey = fromBase64url(parsed.output.signKey);
    const sealKey = fromBase64url(parsed.output.sealKey);
    return signKey && sealKey ? { signKey, sealKey } : null;
  } catch {
    return null;
  }
}
