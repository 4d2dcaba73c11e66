import { createRoute, type RouteConfig, z } from "@hono/zod-openapi";
import { failureSchema } from "./schemas/error-schema.ts";

const checkSchema = z.object({ status: z.enum(["up", "down"]), needed: z.boolean(), latencyMs: z.number() });

const readySchema = z.object({
  data: z.object({ status: z.literal("ready"), checks: z.record(z.string(), checkSchema) }),
});

/** For the document: the routes that every service has, which `@devmesh/runtime` answers. */
export const operationRoutes: readonly RouteConfig[] = [
  createRoute({
    method: "get",
    path: "/healthz",
    operationId: "getHealth",
    tags: ["Operations"],
    summary: "Whether the process turns",
    security: [],
    responses: {
      200: json("It does.", z.object({ data: z.object({ status: z.literal("ok") }) }), { data: { status: "ok" } }),
    },
  }),
  createRoute({
    method: "get",
    path: "/readyz",
    operationId: "getReadiness",
    tags: ["Operations"],
    summary: "Whether it can do its work: each dependency probed",
    security: [],
    responses: {
      200: json("It can.", readySchema, {
        data: { status: "ready", checks: { database: { status: "up", needed: true, latencyMs: 1 } } },
      }),
      503: failure("A dependency that is needed is down, or the service drains.", "unavailable"),
    },
  }),
  createRoute({
    method: "get",
    path: "/metrics",
    operationId: "getMetrics",
    tags: ["Operations"],
    summary: "Metrics for Prometheus",
    description: "Needs the scope `metrics:read`.",
    responses: {
      200: {
        description: "In Prometheus' text format.",
        content: { "text/plain": { schema: z.string(), example: "devmesh_task_watches 0\n" } },
      },
      401: failure("No credential, or none that is good.", "unauthenticated"),
      403: failure("The credential lacks the scope.", "permission_denied"),
      503: failure("The database is down.", "unavailable"),
    },
  }),
];

function json(description: string, schema: z.ZodType, example: unknown): RouteConfig["responses"][string] {
  return { description, content: { "application/json": { schema, example } } };
}

function failure(description: string, code: string): RouteConfig["responses"][string] {
  const example = { error: { code, message: description, requestId: "019ad9b5-6c00-7000-8000-00000000000f" } };
  return json(description, failureSchema, example);
}
