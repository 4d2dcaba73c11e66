import type { Logger, Metrics } from "@devmesh/observability";
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";

/** Writes one line a request and counts it, by the route's pattern: ids and bodies stay out. */
export function requestLog(logger: Logger, metrics: Metrics): MiddlewareHandler<AppEnv> {
  const requests = metrics.counter({
    name: "devmesh_http_requests_total",
    help: "Requests answered, by route and status",
    labels: ["method", "route", "status"],
  });
  const seconds = metrics.histogram({
    name: "devmesh_http_request_seconds",
    help: "Time to the head of the answer",
    labels: ["route"],
  });
  return async (c, next) => {
    const startedAt = performance.now();
    await next();
    const ms = performance.now() - startedAt;
    const route = c.get("route") ?? "none";
    const { status } = c.res;
    // a method is any word that a client makes up
    const method = knownMethods.has(c.req.method) ? c.req.method : "other";
    requests.inc({ method, route, status: String(status) });
    seconds.observe({ route }, ms / 1_000);
    const fields = { method, route, status, ms: Math.round(ms * 10) / 10, requestId: c.get("requestId") };
    logger[status >= 500 ? "warn" : "info"]({ ...fields, keyId: c.get("principal")?.id }, "request answered");
  };
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]);
