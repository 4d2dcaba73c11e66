import { type ApiKeyId, AppError, type TenantId } from "@devmesh/models";
import type { ApiKeyKind } from "./api-key.ts";
import type { Principal } from "./principal.ts";
import { isScope } from "./scope.ts";

/** A key as the store keeps it. */
export interface StoredApiKey {
  readonly tenantId: TenantId;
  readonly id: ApiKeyId;
  readonly kind: ApiKeyKind;
  /** A word that this version doesn't know grants nothing. */
  readonly scopes: readonly string[];
  readonly agentName?: string | undefined;
  readonly team?: string | undefined;
  /** For the refusal's text; what counts is the next. */
  readonly expiresAt?: Date | undefined;
  /** What was left of its life at the look-up by the store's clock, which need not be this process's. */
  readonly expiresInMs?: number | undefined;
  readonly revokedAt?: Date | undefined;
}

/**
 * Who presents a key that the store was asked for; undefined where it has none.
 *
 * @param leftMs of its life now: what was left at the look-up, where that was just done.
 * @throws AppError `unauthenticated` with the reason `unknown_key`, `revoked_key` or `expired_key`.
 */
export function principalOfKey(
  key: StoredApiKey | undefined,
  leftMs = key?.expiresInMs ?? Number.POSITIVE_INFINITY,
): Principal {
  if (key === undefined) throw unauthenticated("unknown_key", "no such API key");
  if (key.revokedAt !== undefined) throw unauthenticated("revoked_key", "the API key was revoked");
  if (leftMs <= 0) {
    throw unauthenticated("expired_key", `the API key expired at ${key.expiresAt?.toISOString() ?? "a time unknown"}`);
  }
  const { tenantId, id, kind, agentName, team } = key;
  return {
    tenantId,
    id,
    kind,
    scopes: key.scopes.filter(isScope),
    ...(agentName !== undefined && { agentName }),
    ...(team !== undefined && { team }),
  };
}

/** For a credential that lets nobody in. */
export function unauthenticated(reason: string, message: string): AppError {
  return new AppError("unauthenticated", message, { reason });
}
