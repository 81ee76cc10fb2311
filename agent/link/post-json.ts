import { Agent, request } from "undici";
import * as v from "valibot";
import { fail, ok, type FailureCode, type Result } from "../../protocol/failure.ts";
import { MAX_BODY_BYTES } from "../../protocol/limits.ts";
import { dial, type DialOptions } from "./dial.ts";

const ANSWER_WITHIN_MS = 30_000;
const problemSchema = v.object({ detail: v.string(), retryAfterMs: v.optional(v.number()) });

/**
 * Posts to the server over `dial` and answers the parsed body of a 200 or 201. A refusal is `refusedAs` with the server's
 * own sentence, and how long to wait when it says so; no answer is server.unavailable.
 */
export async function postJson(
  url: URL,
  body: unknown,
  dialOptions: DialOptions,
  refusedAs: FailureCode,
): Promise<Result<unknown>> {
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
    if (!problem.success) return fail(refusedAs, `The server answered with HTTP status ${response.statusCode}.`);
    const { detail, retryAfterMs } = problem.output;
    return fail(refusedAs, detail, retryAfterMs === undefined ? {} : { retry: true, retryAfterMs });
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
