import type * as v from "valibot";
import type { Action } from "../core/access/actions.ts";
import type { Role } from "../protocol/api.ts";
import type { Result } from "../protocol/failure.ts";
import type { Peer, Runtime } from "./bindings.ts";

/** Who asks, once the session cookie or the API token has been checked. */
export interface Principal {
  kind: "user" | "token";
  userId: string;
  /** What audit rows call them: the user name, or `user/token name`. */
  name: string;
  /** Id of the user or of the token. */
  actorId: string;
  role: Role;
  /** SHA-256 of the session cookie; null for a token. */
  sessionHash: string | null;
}

/** Every route states who may call it. There is no default: a route without one does not compile. */
export type RouteAccess =
  | { action: Action }
  /** The short closed list of what anyone may reach; `why` is printed in docs/openapi.json. */
  | { anonymous: true; why: string };

export interface Call<P, Q, B> {
  runtime: Runtime;
  peer: Peer;
  requestId: string;
  params: P;
  query: Q;
  body: B;
  headers: Headers;
}

/** A body other than JSON (the plain text log, install.sh), or JSON with headers of its own (Set-Cookie, Retry-After). */
export class Reply {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly raw: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | string | null;
  constructor(init: {
    body?: unknown;
    raw?: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | string;
    headers?: Record<string, string>;
  }) {
    this.body = init.body;
    this.raw = init.raw ?? null;
    this.headers = init.headers ?? {};
  }
}

type Out<S> = S extends v.GenericSchema ? v.InferOutput<S> : undefined;
export type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Record<Name, string> & ParamsOf<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Record<Name, string>
    : Record<never, string>;

export interface RouteSpec<
  Path extends string,
  A extends RouteAccess,
  Q extends v.GenericSchema | undefined,
  B extends v.GenericSchema | undefined,
> {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: Path;
  access: A;
  summary: string;
  /** Where it answers false the route is not there: it answers like an unknown address, whatever was sent. */
  exists?(runtime: Runtime): Promise<boolean>;
  query?: Q;
  body?: B;
  /** Schema of a successful answer, for docs/openapi.json and the contract tests; absent for a raw one. */
  response?: v.GenericSchema;
  /** Status of a successful answer; 200 unless said. */
  status?: 200 | 201 | 202 | 204;
  handler(
    call: Call<ParamsOf<Path>, Out<Q>, Out<B>>,
    principal: A extends { action: Action } ? Principal : null,
  ): Promise<Result<unknown>>;
}

/** A route as the table holds it, its types forgotten after `route` has checked them. */
export interface Route {
  method: RouteSpec<string, RouteAccess, undefined, undefined>["method"];
  path: string;
  access: RouteAccess;
  summary: string;
  exists?(runtime: Runtime): Promise<boolean>;
  query?: v.GenericSchema;
  body?: v.GenericSchema;
  response?: v.GenericSchema;
  status: 200 | 201 | 202 | 204;
  handler(call: Call<Record<string, string>, unknown, unknown>, principal: Principal | null): Promise<Result<unknown>>;
}

/** Declares one route. `app.ts` registers what `routes/index.ts` lists; docs/openapi.json and the tests walk the same list. */
export function route<
  const Path extends string,
  const A extends RouteAccess,
  Q extends v.GenericSchema | undefined = undefined,
  B extends v.GenericSchema | undefined = undefined,
>(spec: RouteSpec<Path, A, Q, B>): Route {
  return { status: 200, ...spec } as unknown as Route;
}
