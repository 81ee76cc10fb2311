import * as v from "valibot";
import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import { makeSealPair } from "../../core/secrets/to-host.ts";
import { announcedSchema, announceProof, type AnnounceBody, type Announced } from "../../protocol/announce.ts";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import type { HostKeys, JoinPlan } from "../enroll.ts";
import { postJson } from "../link/post-json.ts";
import { serverAddress } from "../link/server-url.ts";

/** Tells the server that this host is there, under `keys`; said again while it waits, it is the same announcement. */
export async function announceHost(plan: JoinPlan, keys: HostKeys): Promise<Result<Announced>> {
  const signPair = makeSignPair(() => keys.signKey);
  const sealPair = makeSealPair(() => keys.sealKey);
  const { hostname } = plan.about;
  const body: AnnounceBody = {
    ...plan.about,
    signKey: signPair.publicKey,
    sealKey: sealPair.publicKey,
    proof: sign(keys.signKey, announceProof(signPair.publicKey, sealPair.publicKey, hostname)),
  };
  const url = new URL(`${serverAddress(plan.server)}/api/agents/announce`);
  const answer = await postJson(url, body, plan.dialOptions, "request.invalid");
  if (!answer.ok) return answer;
  const announced = v.safeParse(announcedSchema, answer.value);
  return announced.success
    ? ok(announced.output)
    : fail("server.internal", "The server's answer to the announcement was not understood. Check its address.");
}
