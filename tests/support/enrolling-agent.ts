import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import { makeSealPair } from "../../core/secrets/to-host.ts";
import type { EnrollBody } from "../../protocol/api.ts";
import { enrollProof } from "../../protocol/wire.ts";
import type { Runtime } from "../../worker/bindings.ts";

/** The body a real agent sends to enrol, with new keys of its own; `over` breaks it where a test wants to. */
export function enrollBody(
  runtime: Pick<Runtime, "random">,
  token: string,
  over: Partial<EnrollBody> = {},
  signPair = makeSignPair(runtime.random),
): EnrollBody {
  const sealKey = makeSealPair(runtime.random).publicKey;
  const { publicKey: signKey, secretKey } = signPair;
  const body: EnrollBody = {
    token,
    signKey,
    sealKey,
    proof: sign(secretKey, enrollProof(token, signKey, sealKey)),
    hostname: "web-1.example",
    os: "linux",
    arch: "x64",
    agentVersion: "0.1.0",
    resticVersion: "0.18.0",
    machineFacts: { machineId: "abc" },
  };
  return { ...body, ...over };
}
