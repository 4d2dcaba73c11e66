import type { Authenticator } from "@devmesh/auth";
import { AppError, toAppError } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import type { Health, RateLimiter } from "@devmesh/runtime";
import { Hono } from "hono";
import { admit, tellRateLimit } from "./http/admit.ts";
import type { AppEnv } from "./http/app-env.ts";
import { failureResponse } from "./http/envelope.ts";
import { mountDocs } from "./http/mount-docs.ts";
import { mountRoutes, refuseOtherMethods } from "./http/mount-routes.ts";
import { currentRequestId, requestIds } from "./http/request-id.ts";
import { requestLog } from "./http/request-log.ts";
import { basePath, describeApi } from "./openapi-document.ts";
import { allRoutes } from "./routes/all-routes.ts";
import type { RouteDeps } from "./routes/route-deps.ts";

export interface AppDeps extends RouteDeps {
  readonly authenticator: Authenticator;
  /** Absent where rate limiting is off. */
  readonly rateLimiter: RateLimiter | undefined;
  readonly health: Pick<Health, "app">;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

const documentPath = `${basePath}/openapi.json`;
const healthPaths = ["/healthz", "/readyz", "/metrics"];

/** Builds the HTTP app: open routes, documents, and the API, every answer in the one envelope. */
export function createApp(deps: AppDeps): Hono<AppEnv> {
  const { authenticator, rateLimiter, logger, metrics } = deps;
  const routes = allRoutes(deps);
  const app = new Hono<AppEnv>();
  app.onError((caught, c) => {
    const { code } = toAppError(caught);
    if (code === "internal") logger.error({ err: caught, requestId: c.get("requestId") }, "request failed");
    return failureResponse(caught, currentRequestId(c));
  });
  app.notFound((c) => {
    const error = new AppError("not_found", `no such route: ${c.req.method} ${c.req.path.slice(0, 200)}`);
    return failureResponse(error, currentRequestId(c));
  });

  app.use(requestIds(), requestLog(logger, metrics), tellRateLimit(rateLimiter));
  app.use(admit({ authenticator, rateLimiter, isOpen }));
  mountHealth(app, deps.health);
  mountDocs(app, documentPath);
  const document = JSON.stringify(describeApi(routes));
  app.get(documentPath, (c) => {
    c.set("route", documentPath);
    return c.body(document, 200, { "content-type": "application/json" });
  });
  refuseOtherMethods(app, documentPath, ["GET"]);
  mountRoutes(app, basePath, routes);
  return app;
}

/** All below the base path but its document needs a credential. `/metrics` checks its own. */
function isOpen(path: string): boolean {
  return path === documentPath || !(path === basePath || path.startsWith(`${basePath}/`));
}

/** The service's health is an app of its own: it is asked with this request's id. */
function mountHealth(app: Hono<AppEnv>, health: Pick<Health, "app">): void {
  for (const path of healthPaths) {
    app.get(path, (c) => {
      c.set("route", path);
      const headers = new Headers(c.req.raw.headers);
      headers.set("x-request-id", currentRequestId(c));
      return health.app.fetch(new Request(c.req.url, { headers }));
    });
    refuseOtherMethods(app, path, ["GET"]);
  }
}
