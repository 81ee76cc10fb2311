import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import { makeSealPair } from "../../core/secrets/to-host.ts";
import { announceProof, type AnnounceBody } from "../../protocol/announce.ts";
import type { Runtime } from "../../worker/bindings.ts";

/** The body a real agent sends to announce itself, with new keys of its own; `over` breaks it where a test wants to. */
export function announcementBody(
  runtime: Pick<Runtime, "random">,
  over: Partial<AnnounceBody> = {},
  signPair = makeSignPair(runtime.random),
): AnnounceBody {
  const { publicKey: signKey, secretKey } = signPair;
  const sealKey = makeSealPair(runtime.random).publicKey;
  const hostname = over.hostname ?? "web-1";
  return {
    signKey,
    sealKey,
    proof: sign(secretKey, announceProof(signKey, sealKey, hostname)),
    hostname,
    os: "linux",
    arch: "x64",
    agentVersion: "0.1.0",
    resticVersion: "0.18.0",
    machineFacts: { machineId: "abc" },
    ...over,
  };
}
