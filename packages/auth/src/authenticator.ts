import { hashApiKey, parseApiKey } from "./api-key.ts";
import { principalOfKey, type StoredApiKey, unauthenticated } from "./key-principal.ts";
import { createLruCache } from "./lru-cache.ts";
import type { Principal } from "./principal.ts";

/** Where keys are looked up, and how long answers are remembered. */
export interface AuthenticatorOptions {
  /** Finds a key of any tenant by {@link hashApiKey}, revoked and expired ones included. */
  readonly findKeyByHash: (hash: Buffer) => Promise<StoredApiKey | undefined>;
  readonly pepper: string;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** How long a found key is believed, and so how long a revocation may take. Default 30 s. */
  readonly cacheMs?: number;
  /** How long an unknown key is known to be unknown. Default 5 s. */
  readonly negativeCacheMs?: number;
  /** Of found keys, and of unknown ones, each. Default 10,000. */
  readonly maxEntries?: number;
}

/** Turns credentials into principals, and remembers answers for a while. */
export interface Authenticator {
  /**
   * Tells who presents `credential`, the answer of `readBearer`.
   *
   * @throws AppError `unauthenticated` with the reason `missing_credential`, `token_unsupported`, `malformed_key`,
   * `unknown_key`, `revoked_key` or `expired_key`; whatever the look-up throws passes through and is not remembered.
   */
  authenticate(credential: string | undefined): Promise<Principal>;
}

/** A key, and when its life ends by the authenticator's clock. */
interface KnownKey {
  readonly key: StoredApiKey;
  readonly endsAt: number;
}

/**
 * Makes the authenticator of a service. Look-ups of one key at the same time are one. Keys are remembered by their
 * hash, never by their text, and unknown ones apart, so that a flood of them drives no good key out.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { findKeyByHash, pepper, now, cacheMs = 30_000, negativeCacheMs = 5_000, maxEntries = 10_000 } = options;
  const known = createLruCache<KnownKey>(maxEntries);
  const unknown = createLruCache<true>(maxEntries);
  const running = new Map<string, Promise<KnownKey | undefined>>();

  async function lookUp(hash: Buffer, name: string): Promise<KnownKey | undefined> {
    // The age of an answer counts from the question: a key revoked meanwhile must not live longer.
    const askedAt = now();
    try {
      const key = await findKeyByHash(hash);
      if (key === undefined) {
        unknown.set(name, true, askedAt + negativeCacheMs);
        return undefined;
      }
      const found = { key, endsAt: askedAt + (key.expiresInMs ?? Number.POSITIVE_INFINITY) };
      known.set(name, found, askedAt + cacheMs);
      return found;
    } finally {
      running.delete(name);
    }
  }

  function findKey(text: string): Promise<KnownKey | undefined> {
    const hash = hashApiKey(text, pepper);
    const name = hash.toString("base64");
    const key = known.get(name, now());
    if (key !== undefined || unknown.get(name, now()) === true) return Promise.resolve(key);
    const lookingUp = running.get(name) ?? lookUp(hash, name);
    running.set(name, lookingUp);
    return lookingUp;
  }

  return {
    authenticate: async (credential) => {
      const found = await findKey(parseCredential(credential));
      return found === undefined ? principalOfKey(undefined) : principalOfKey(found.key, found.endsAt - now());
    },
  };
}

function parseCredential(credential: string | undefined): string {
  if (credential === undefined) {
    throw unauthenticated(
      "missing_credential",
      "a credential is needed: Authorization: Bearer <API key>, or X-API-Key",
    );
  }
  if (/^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(credential)) {
    throw unauthenticated("token_unsupported", "tokens (JWT) are not accepted: this mesh issues API keys only");
  }
  const parsed = parseApiKey(credential);
  if (parsed === undefined) {
    throw unauthenticated(
      "malformed_key",
      "malformed API key: its form or its checksum is wrong; was it copied whole?",
    );
  }
  return parsed.text;
}
