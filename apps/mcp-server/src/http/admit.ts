import type { Authenticator } from "@devmesh/auth";
import { AppError } from "@devmesh/models";
import { assertAllowed, type RateLimiter } from "@devmesh/runtime";
import { type SignedIn, signIn } from "./sign-in.ts";

/** What letting a request in needs. */
export interface Admission {
  readonly authenticator: Authenticator;
  /** Undefined where there is no limit. */
  readonly rateLimiter: RateLimiter | undefined;
}

/**
 * Signs a request in, and takes it out of the budget of its key, or, where there is no good one, of its address.
 *
 * @throws AppError `unauthenticated`; `resource_exhausted`, reason `rate_limited`.
 */
export async function admit(
  { authenticator, rateLimiter }: Admission,
  headers: Headers,
  address: string,
): Promise<SignedIn> {
  try {
    const signedIn = await signIn(authenticator, headers);
    if (rateLimiter !== undefined) assertAllowed(rateLimiter.take(signedIn.principal.id));
    return signedIn;
  } catch (error) {
    const isStranger = error instanceof AppError && error.code === "unauthenticated";
    if (isStranger && rateLimiter !== undefined) assertAllowed(rateLimiter.take(`address:${address}`));
    throw error;
  }
}

/** Where a request came from: Node's server hands its own in as `incoming`; a test that calls the app directly has none. */
export function addressOf(env: unknown): string {
  const { incoming } = (env ?? {}) as { readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress ?? "unknown";
}
