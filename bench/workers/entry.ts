import worker, { FleetFeedObject, HostRelayObject } from "../../worker/index.ts";

export { PendingRelayObject } from "../../worker/index.ts";

/**
 * The product's own Worker with counters around its storage: `/bench/rows?host=` tells how many rows D1 and the objects'
 * storage say were written since the last question, as billing counts them (D1 and Durable Object pricing), and how
 * often that host's relay was made: at its first use, and after an eviction.
 */
const written = { d1: 0, objects: 0, relaysMade: {} as Record<string, number> };

type Env = ConstructorParameters<typeof HostRelayObject>[1];

function countedDatabase(db: D1Database): D1Database {
  const note = <R extends D1Result<unknown>>(result: R): R => {
    written.d1 += result.meta.rows_written ?? 0;
    return result;
  };
  // Proxies, because drizzle keeps the statements it prepares and D1 wants its own back in a batch.
  const raw = new WeakMap<object, D1PreparedStatement>();
  const counted = (statement: D1PreparedStatement): D1PreparedStatement => {
    const proxy = new Proxy(statement, {
      get(target, key) {
        if (key === "bind") return (...values: unknown[]) => counted(target.bind(...values));
        if (key === "run") return async () => note(await target.run());
        if (key === "all") return async () => note(await target.all());
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    raw.set(proxy, statement);
    return proxy;
  };
  return new Proxy(db, {
    get(target, key) {
      if (key === "prepare") return (query: string) => counted(target.prepare(query));
      if (key === "batch") {
        return async (statements: D1PreparedStatement[]) =>
          (await target.batch(statements.map((statement) => raw.get(statement) ?? statement))).map(note);
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The runtime wants its own state back, so the counters are put into it. Each setAlarm is billed as one row written. */
function countedState(ctx: DurableObjectState): DurableObjectState {
  const { storage } = ctx;
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  const setAlarm = storage.setAlarm.bind(storage);
  const counted: typeof sql.exec = (query, ...bindings) => {
    const cursor = exec(query, ...bindings);
    const rows = cursor.toArray();
    written.objects += cursor.rowsWritten;
    return Object.assign(cursor, { toArray: () => rows }) as never;
  };
  Object.defineProperty(sql, "exec", { value: counted });
  Object.defineProperty(storage, "sql", { value: sql });
  Object.defineProperty(storage, "setAlarm", {
    value: (...args: Parameters<typeof setAlarm>) => {
      written.objects += 1;
      return setAlarm(...args);
    },
  });
  Object.defineProperty(ctx, "storage", { value: storage });
  return ctx;
}

const countedEnv = (env: Env): Env => ({ ...env, DB: countedDatabase(env.DB) });

export class CountedHostRelay extends HostRelayObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(countedState(ctx), countedEnv(env));
    const id = ctx.id.toString();
    written.relaysMade[id] = (written.relaysMade[id] ?? 0) + 1;
  }
}

export class CountedFleetFeed extends FleetFeedObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(countedState(ctx), countedEnv(env));
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/bench/rows") return worker.fetch(request, countedEnv(env), ctx);
    const relay = env.HOST_RELAY.idFromName(searchParams.get("host") ?? "").toString();
    const answer = Response.json({ ...written, relaysMade: written.relaysMade[relay] ?? 0 });
    written.d1 = 0;
    written.objects = 0;
    written.relaysMade = {};
    return answer;
  },
  async scheduled(controller, env) {
    await worker.scheduled(controller, countedEnv(env));
  },
} satisfies ExportedHandler<Env>;
