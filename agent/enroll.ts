import * as v from "valibot";
import { toBase64url } from "../core/bytes.ts";
import type { RandomBytes } from "../core/ids.ts";
import { makeSignPair, sign } from "../core/secrets/sign.ts";
import { makeSealPair } from "../core/secrets/to-host.ts";
import { enrolledSchema, type EnrollBody } from "../protocol/api.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import { enrollProof } from "../protocol/wire.ts";
import type { AgentConfig } from "./config/config.ts";
import type { DialOptions } from "./link/dial.ts";
import { postJson } from "./link/post-json.ts";
import { serverAddress } from "./link/server-url.ts";

/** How this host joins a server, whichever way it is let in. */
export interface JoinPlan {
  server: URL;
  about: Pick<EnrollBody, "hostname" | "os" | "arch" | "resticVersion" | "machineFacts" | "agentVersion">;
  dialOptions: DialOptions;
  allowPlainWs: boolean;
  random: RandomBytes;
}

/** The secret halves of a host's two key pairs. */
export interface HostKeys {
  signKey: Uint8Array;
  sealKey: Uint8Array;
}

/** Makes this host's keys, hands their public halves to the server for the token, and answers the new agent.yaml. */
export async function enrollHost(plan: JoinPlan, token: string): Promise<Result<AgentConfig>> {
  const { server, about, random } = plan;
  const signPair = makeSignPair(random);
  const sealPair = makeSealPair(random);
  const body: EnrollBody = {
    ...about,
    token,
    signKey: signPair.publicKey,
    sealKey: sealPair.publicKey,
    proof: sign(signPair.secretKey, enrollProof(token, signPair.publicKey, sealPair.publicKey)),
  };
  const url = new URL(`${serverAddress(server)}/api/agents/enroll`);
  const answer = await postJson(url, body, plan.dialOptions, "enrollment.token_invalid");
  if (!answer.ok) return answer;
  const enrolled = v.safeParse(enrolledSchema, answer.value);
  if (!enrolled.success)
    return fail("server.internal", "The server's answer to the enrolment was not understood. Check its address.");
  return ok(joinedConfig(plan, enrolled.output, { signKey: signPair.secretKey, sealKey: sealPair.secretKey }));
}

/** The agent.yaml of a host that the server has let in. */
export function joinedConfig(
  plan: JoinPlan,
  enrolled: Pick<AgentConfig, "hostId" | "bearer">,
  keys: HostKeys,
): AgentConfig {
  return {
    server: serverAddress(plan.server),
    hostId: enrolled.hostId,
    hostname: plan.about.hostname,
    bearer: enrolled.bearer,
    signKey: toBase64url(keys.signKey),
    sealKey: toBase64url(keys.sealKey),
    vaultKey: toBase64url(plan.random(32)),
    restic: null,
    certSha256: plan.dialOptions.certSha256,
    allowPlainWs: plan.allowPlainWs,
  };
}
