import { type Authenticator, createAuthenticator, type StoredApiKey } from "@devmesh/auth";
import { type Database, type KeyRef, keyRepository } from "@devmesh/repositories";
import { monotonicClock, type Secret } from "@devmesh/runtime";
import { gatherKeys } from "./gather-keys.ts";

/** Who tells whose a credential is, and whether it is still. */
export interface Authenticators {
  readonly authenticator: Authenticator;
  /** Remembers nothing: a revoked key must be noticed. */
  readonly freshAuthenticator: Authenticator;
  /** A key as it stands now. */
  readonly findKey: (ref: KeyRef) => Promise<StoredApiKey | undefined>;
  /** Between two checks of the keys of what goes on. */
  readonly credentialCheckMs: number;
}

/** Makes them over the keys of a database. */
export function createAuthenticators(
  database: Database,
  { pepper, credentialCheckMs }: { readonly pepper: Secret; readonly credentialCheckMs: number },
): Authenticators {
  const keys = keyRepository(database);
  const findKeyByHash = gatherKeys(
    (hashes: readonly Buffer[]) => keys.findByHashes(hashes),
    (hash) => hash.toString("hex"),
  );
  const options = { findKeyByHash, pepper: pepper.reveal(), now: monotonicClock };
  return {
    authenticator: createAuthenticator(options),
    freshAuthenticator: createAuthenticator({ ...options, cacheMs: 0, negativeCacheMs: 0 }),
    findKey: gatherKeys(
      async (refs: readonly KeyRef[]) => new Map((await keys.findByIds(refs)).map((key) => [nameOf(key), key])),
      nameOf,
    ),
    credentialCheckMs,
  };
}

function nameOf({ tenantId, id }: KeyRef): string {
  return `${tenantId}/${id}`;
}
