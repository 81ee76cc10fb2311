import { Agent, request } from "undici";
import * as v from "valibot";
import { toBase64url } from "../core/bytes.ts";
import type { RandomBytes } from "../core/ids.ts";
import { makeSignPair, sign } from "../core/secrets/sign.ts";
import { makeSealPair } from "../core/secrets/to-host.ts";
import { enrolledSchema, type EnrollBody } from "../protocol/api.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import { MAX_BODY_BYTES } from "../protocol/limits.ts";
import { enrollProof } from "../protocol/wire.ts";
import type { AgentConfig } from "./config/config.ts";
import { dial, type DialOptions } from "./link/dial.ts";

export interface EnrollPlan {
  server: URL;
  token: string;
  about: Pick<EnrollBody, "hostname" | "os" | "arch" | "resticVersion" | "machineFacts" | "agentVersion">;
  dialOptions: DialOptions;
  allowPlainWs: boolean;
  random: RandomBytes;
}

const ANSWER_WITHIN_MS = 30_000;
const problemSchema = v.object({ detail: v.string() });

/** Makes this host's keys, hands their public halves to the server for the token, and answers the new agent.yaml. */
export async function enrollHost(plan: EnrollPlan): Promise<Result<AgentConfig>> {
  const { server, token, about, random } = plan;
  const signPair = makeSignPair(random);
  const sealPair = makeSealPair(random);
  const body: EnrollBody = {
    ...about,
    token,
    signKey: signPair.publicKey,
    sealKey: sealPair.publicKey,
    proof: sign(signPair.secretKey, enrollProof(token, signPair.publicKey, sealPair.publicKey)),
  };
  const answer = await post(new URL(`${server.href.replace(/\/$/, "")}/api/agents/enroll`), body, plan.dialOptions);
  if (!answer.ok) return answer;
  const enrolled = v.safeParse(enrolledSchema, answer.value);
  if (!enrolled.success)
    return fail("server.internal", "The server's answer to the enrolment was not understood. Check its address.");
  return ok({
    server: server.href.replace(/\/$/, ""),
    hostId: enrolled.output.hostId,
    hostname: about.hostname,
    bearer: enrolled.output.bearer,
    signKey: toBase64url(signPair.secretKey),
    sealKey: toBase64url(sealPair.secretKey),
    vaultKey: toBase64url(random(32)),
    restic: null,
    certSha256: plan.dialOptions.certSha256,
    allowPlainWs: plan.allowPlainWs,
  });
}

async function post(url: URL, body: unknown, dialOptions: DialOptions): Promise<Result<unknown>> {
  const dispatcher = new Agent({
    // undici's own connector would skip the pin and the proxy's check.
    connect: (_options, callback) => {
      const open = async () => {
        try {
          callback(null, await dial(url, dialOptions));
        } catch (error) {
          callback(error as Error, null);
        }
      };
      void open();
    },
    headersTimeout: ANSWER_WITHIN_MS,
    bodyTimeout: ANSWER_WITHIN_MS,
  });
  try {
    const response = await request(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
      dispatcher,
    });
    const text = (await response.body.text()).slice(0, MAX_BODY_BYTES);
    const value = parseJson(text);
    if (response.statusCode === 200 || response.statusCode === 201) return ok(value);
    const problem = v.safeParse(problemSchema, value);
    const why = problem.success
      ? problem.output.detail
      : `The server answered with HTTP status ${response.statusCode}.`;
    return fail("enrollment.token_invalid", why);
  } catch (error) {
    return fail("server.unavailable", `The server cannot be reached: ${(error as Error).message}.`, { retry: true });
  } finally {
    await dispatcher.destroy();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
