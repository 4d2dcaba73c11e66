import { type Authenticator, type Principal, readBearer } from "@devmesh/auth";
import { assertAllowed, type RateLimiter, setRateLimitHeaders } from "@devmesh/runtime";
import type { Context, MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";

export interface AdmitOptions {
  readonly authenticator: Authenticator;
  /** Absent where rate limiting is off. */
  readonly rateLimiter: RateLimiter | undefined;
  /** What is open to anybody. */
  readonly isOpen: (path: string) => boolean;
}

/**
 * Finds out who calls, and takes the request out of the caller's budget: that of the key, or, where there is no good
 * one, of the address. Open routes are never refused for a budget. Every answer tells what is left.
 */
export function admit({ authenticator, rateLimiter, isOpen }: AdmitOptions): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const isOpenRoute = isOpen(c.req.path);
    const found = isOpenRoute ? undefined : await authenticate(authenticator, c.req.raw.headers);
    if (found !== undefined && "principal" in found) c.set("principal", found.principal);
    const state = rateLimiter?.take(c.get("principal")?.id ?? `address:${addressOf(c)}`);
    if (state !== undefined && rateLimiter !== undefined) {
      c.set("rateLimit", state);
      if (!isOpenRoute) assertAllowed(state);
    }
    if (found !== undefined && "failure" in found) throw found.failure;
    await next();
  };
}

/** Adds the header fields to every answer, refusals included. */
export function tellRateLimit(rateLimiter: RateLimiter | undefined): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    const state = c.get("rateLimit");
    if (rateLimiter !== undefined && state !== undefined) setRateLimitHeaders(c.res.headers, rateLimiter, state);
  };
}

type Found = { readonly principal: Principal } | { readonly failure: unknown };

async function authenticate(authenticator: Authenticator, headers: Headers): Promise<Found> {
  try {
    return { principal: await authenticator.authenticate(readBearer(headers)) };
  } catch (failure) {
    return { failure };
  }
}

/** Node's server hands its request in as `incoming`; a test that calls the app directly has none. */
function addressOf(c: Context<AppEnv>): string {
  const env = c.env as { readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } } } | undefined;
  return env?.incoming?.socket?.remoteAddress ?? "unknown";
}
