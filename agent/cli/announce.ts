import { setTimeout as after } from "node:timers/promises";
import { styleText } from "node:util";
import { fingerprintOf, groupFingerprint } from "../../core/enrollment/fingerprint.ts";
import type { RandomBytes } from "../../core/ids.ts";
import { makeSignPair } from "../../core/secrets/sign.ts";
import { announceHost } from "../announce/announce-host.ts";
import type { Announced } from "../../protocol/announce.ts";
import { forgetAnnouncedKeys, keysToAnnounce } from "../announce/kept-keys.ts";
import { waitForDecision } from "../announce/wait-for-decision.ts";
import { ConfigError, saveConfig } from "../config/config.ts";
import { joinedConfig, type HostKeys, type JoinPlan } from "../enroll.ts";
import { pendingSocketUrl, serverAddress } from "../link/server-url.ts";
import type { Platform } from "../platform/platform.ts";
import { lockState } from "../state-lock.ts";
import type { CliOptions } from "./options.ts";
import { describeExisting, prepareJoin } from "./prepare-join.ts";

/** Hosts that are told to wait together come back apart. */
const SPREAD_MS = 5_000;
const LONGEST_TURN_MS = 5 * 60_000;

/** Asks the server to be let in and waits until an administrator has decided; one line for the terminal at its end. */
export async function announce(
  options: CliOptions,
  platform: Platform,
  random: RandomBytes,
  print: (text: string) => void,
): Promise<string> {
  const { directories } = options;
  const existing = describeExisting(directories);
  if (existing !== null) return existing;
  const { plan, missing } = await prepareJoin(options, platform, random);
  const server = serverAddress(plan.server);
  const unlockState = lockState(directories, platform);
  try {
    const keys = keysToAnnounce(directories, server, random);
    const { pendingId } = await announceInTurn(plan, keys, print);
    // From this host's own key: what the server answers is not what is to be compared with the server.
    print(describeFingerprint(server, fingerprintOf(makeSignPair(() => keys.signKey).publicKey)));

    const stop = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
    const decision = await waitForDecision({
      url: pendingSocketUrl(plan.server, pendingId),
      pendingId,
      signKey: keys.signKey,
      dialOptions: plan.dialOptions,
      random: Math.random,
      sleep: (ms, signal) => after(ms, undefined, { signal }).catch(() => {}),
      signal: stop.signal,
      onWaiting: () =>
        print("Waiting for an administrator to accept this host, for up to an hour. Ctrl-C stops waiting."),
      onLost: (why) => print(`The connection is lost (${why}). It is opened again by itself.`),
    });
    switch (decision.type) {
      case "accepted": {
        const meanwhile = describeExisting(directories);
        if (meanwhile !== null) throw new ConfigError(meanwhile);
        saveConfig(directories, joinedConfig(plan, decision, keys));
        forgetAnnouncedKeys(directories);
        return `Accepted as host ${decision.hostId} at ${server}.${missing}`;
      }
      case "rejected":
        forgetAnnouncedKeys(directories);
        throw new ConfigError("This host was rejected by an administrator. Its keys are removed; nothing was joined.");
      case "expired":
        throw new ConfigError(
          "Nobody accepted this host within the hour, and the announcement is over. Run the same command again to announce it anew, with the same fingerprint.",
        );
      case "stopped":
        throw new ConfigError(
          "Stopped waiting. The announcement stays in the console until it is rejected or its hour is over; run the same command again to go on, with the same fingerprint.",
        );
    }
  } finally {
    unlockState();
  }
}

/** Announces the host, and waits for its turn where many announce themselves from one address. */
async function announceInTurn(plan: JoinPlan, keys: HostKeys, print: (text: string) => void): Promise<Announced> {
  for (;;) {
    const announced = await announceHost(plan, keys);
    if (announced.ok) return announced.value;
    const { message, retryAfterMs } = announced.failure;
    if (retryAfterMs === undefined) throw new ConfigError(message);
    const waitMs = Math.min(retryAfterMs + Math.random() * SPREAD_MS, LONGEST_TURN_MS);
    print(`${message} Trying again in ${Math.ceil(waitMs / 1000)} seconds.`);
    await after(waitMs);
  }
}

/** The fingerprint in four lines of four groups, which the eye can follow; bold where a terminal shows it. */
function describeFingerprint(server: string, fingerprint: string): string {
  const lines = groupFingerprint(fingerprint).match(/.{19} ?/g) ?? [];
  return [
    `This host has announced itself at ${server}. Its fingerprint:`,
    "",
    ...lines.map((line) => `    ${styleText("bold", line.trim().replaceAll(" ", "  "))}`),
    "",
    "Compare this with the console before you accept.",
  ].join("\n");
}
