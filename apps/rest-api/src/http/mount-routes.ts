import { assertScope } from "@devmesh/auth";
import { AppError, assert } from "@devmesh/models";
import type { Context, Hono } from "hono";
import type { AppEnv } from "./app-env.ts";
import { dataResponse, failureResponse } from "./envelope.ts";
import { currentRequestId } from "./request-id.ts";
import type { Route } from "./route.ts";

/** Mounts routes below a base path. Every other method of their paths is answered with 405 and `Allow`. */
export function mountRoutes(app: Hono<AppEnv>, basePath: string, routes: readonly Route[]): void {
  const paths = [...new Set(routes.map(({ path }) => path))];
  // a literal segment is matched before a parameter that would take it, whatever order they are listed in
  for (const path of paths.toSorted((a, b) => Number(a.includes("{")) - Number(b.includes("{")))) {
    const ofPath = routes.filter((route) => route.path === path);
    const pattern = `${basePath}${path}`;
    for (const route of ofPath) {
      app.on(route.method.toUpperCase(), toHonoPath(pattern), (c) => answer(c, route, pattern));
    }
    refuseOtherMethods(
      app,
      pattern,
      ofPath.map(({ method }) => method.toUpperCase()),
    );
  }
}

/** Answers every method that is not allowed on a path. */
export function refuseOtherMethods(app: Hono<AppEnv>, pattern: string, methods: readonly string[]): void {
  const allow = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
  app.all(toHonoPath(pattern), (c) => {
    c.set("route", pattern);
    const message = `${c.req.method} is not allowed here: ${allow}`;
    const error = new AppError("invalid_argument", message, { reason: "method_not_allowed" });
    const response = failureResponse(error, currentRequestId(c));
    response.headers.set("allow", allow);
    return response;
  });
}

async function answer(c: Context<AppEnv>, route: Route, pattern: string): Promise<Response> {
  c.set("route", pattern);
  const principal = c.get("principal");
  assert(principal !== undefined, "a route needs a principal");
  assertScope(principal, route.scope);
  const answered = await route.run(c.req.raw, { principal, params: c.req.param(), requestId: currentRequestId(c) });
  if (!(answered instanceof Response)) return dataResponse(answered);
  // a stream that nobody is going to read must end
  if (c.req.method === "HEAD") await answered.body?.cancel();
  return answered;
}

function toHonoPath(pattern: string): string {
  return pattern.replaceAll(/\{(\w+)\}/g, ":$1");
}
