import { requestIdOf } from "@devmesh/runtime";
import type { Context, MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";

/** Takes over a sane `X-Request-Id`, makes one where there is none, and returns it with every answer. */
export function requestIds(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const requestId = requestIdOf(c.req.header("x-request-id"));
    c.set("requestId", requestId);
    await next();
    c.res.headers.set("x-request-id", requestId);
  };
}

/** The same, for what runs before the middleware did. */
export function currentRequestId(c: Context<AppEnv>): string {
  return c.get("requestId") ?? requestIdOf(undefined);
}
