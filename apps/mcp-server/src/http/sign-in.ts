import { type Authenticator, type Principal, readBearer, type Scope } from "@devmesh/auth";
import type { AppError } from "@devmesh/models";
import type { AuthInfo } from "@modelcontextprotocol/server";

/** Who calls, and the credential that says so. */
export interface SignedIn {
  readonly principal: Principal;
  readonly credential: string;
}

/** @throws AppError `unauthenticated` */
export async function signIn(authenticator: Authenticator, headers: Headers): Promise<SignedIn> {
  const credential = readBearer(headers);
  const principal = await authenticator.authenticate(credential);
  // without a credential the line above has thrown
  return { principal, credential: credential ?? "" };
}

/** The caller in the SDK's shape; the credential itself goes no further. */
export function toAuthInfo(principal: Principal, resourceMetadataUrl: string): AuthInfo {
  return {
    token: "",
    clientId: principal.id,
    scopes: [...principal.scopes],
    resourceMetadataUrl,
    extra: { principal },
  };
}

/** @throws Error where `authInfo` was not made by {@link toAuthInfo}, which is our own mistake. */
export function principalOf(authInfo: AuthInfo | undefined): Principal {
  const principal = authInfo?.extra?.["principal"];
  if (principal === undefined) throw new Error("assertion failed: a request without a principal");
  return principal as Principal;
}

/**
 * The challenge of a refusal.
 *
 * @see RFC 6750, section 3; RFC 9728, section 5.1
 */
export function challengeOf(error: AppError, resourceMetadataUrl: string, scopes: readonly Scope[]): string {
  const parameters = [`resource_metadata="${resourceMetadataUrl}"`];
  if (scopes.length > 0) parameters.unshift(`scope="${scopes.join(" ")}"`);
  if (error.code === "permission_denied") parameters.unshift('error="insufficient_scope"');
  else if (error.reason !== "missing_credential") parameters.unshift('error="invalid_token"');
  return `Bearer ${parameters.join(", ")}`;
}
