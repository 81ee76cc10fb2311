import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { ACTIONS, mayDo } from "../core/access/actions.ts";
import { problemSchema, ROLES } from "../protocol/api.ts";
import type { Route } from "../worker/route.ts";

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of a route table. What a schema checks beyond JSON Schema is left out of it. */
export function openApiOf(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:([A-Za-z]+)/g, "{$1}");
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "restic-manager",
      version,
      description:
        "Times are integer milliseconds UTC, sizes bytes. Failures are problem documents (RFC 9457) with a `code`. Pages are keyset pages: pass `next` as `after`.",
    },
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemSchema, "output") },
      securitySchemes: {
        session: { type: "apiKey", in: "cookie", name: "__Host-rm" },
        token: { type: "http", scheme: "bearer", description: "An API token (rma_…)." },
      },
    },
    "x-actions": Object.fromEntries(ACTIONS.map((action) => [action, ROLES.filter((role) => mayDo(role, action))])),
  };
}

function operationOf(route: Route): Json {
  const status = String(route.status);
  const names = [...route.path.matchAll(/:([A-Za-z]+)/g)].map((match) => match[1]!);
  const parameters = [
    ...names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
    ...(route.query ? queryParameters(route.query) : []),
  ];
  const access =
    "action" in route.access
      ? { security: [{ session: [] }, { token: [] }], "x-action": route.access.action }
      : { security: [], "x-anonymous": route.access.why };
  return {
    summary: route.summary,
    ...access,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? {
          requestBody: { required: true, content: { "application/json": { schema: jsonSchema(route.body, "input") } } },
        }
      : {}),
    responses: {
      [status]: {
        description: "Success",
        ...(route.response
          ? { content: { "application/json": { schema: jsonSchema(route.response, "output") } } }
          : {}),
      },
      default: {
        description: "A problem document",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

function jsonSchema(schema: v.GenericSchema, side: "input" | "output"): Json {
  const { $schema: _dialect, ...rest } = toJsonSchema(schema, { typeMode: side, errorMode: "ignore" }) as Json;
  return rest;
}

function queryParameters(query: v.GenericSchema): Json[] {
  const { properties = {}, required = [] } = jsonSchema(query, "input") as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}
