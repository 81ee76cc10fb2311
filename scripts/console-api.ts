import { request } from "undici";
import type { Problem } from "../protocol/api.ts";

/** What the console would get: a signed-in client of the HTTP API, for the demo, the end-to-end tests and the bench. */
export interface ConsoleApi {
  readonly origin: string;
  /** The session cookie as a `Cookie` header; empty before sign-in. */
  cookie(): string;
  get<T>(path: string): Promise<T>;
  send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T>;
  text(path: string): Promise<string>;
}

/** An answer of the API that was not a success; `problem` is its problem document where there was one. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem | null;
  constructor(method: string, path: string, status: number, problem: Problem | null) {
    super(`${method} ${path}: ${status} ${problem ? `${problem.code}: ${problem.detail}` : ""}`);
    this.status = status;
    this.problem = problem;
  }
}

/** `origin` is scheme://host:port of a running server. */
export function consoleApi(origin: string): ConsoleApi {
  const jar = new Map<string, string>();
  const cookie = () => [...jar].map(([name, value]) => `${name}=${value}`).join("; ");

  async function call(method: string, path: string, body?: unknown): Promise<string> {
    const answer = await request(origin + path, {
      method,
      headers: {
        origin,
        ...(jar.size > 0 ? { cookie: cookie() } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      if (pair.slice(at + 1) === "") jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    const text = await answer.body.text();
    if (answer.statusCode < 300) return text;
    const isProblem = String(answer.headers["content-type"]).startsWith("application/problem+json");
    throw new ApiError(method, path, answer.statusCode, isProblem ? (JSON.parse(text) as Problem) : null);
  }

  const json = <T>(text: string) => (text === "" ? undefined : JSON.parse(text)) as T;
  return {
    origin,
    cookie,
    get: async (path) => json(await call("GET", path)),
    send: async (method, path, body) => json(await call(method, path, body)),
    text: (path) => call("GET", path),
  };
}
