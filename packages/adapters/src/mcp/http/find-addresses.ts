import type { LookupAddress } from "node:dns";
import { lookup, Resolver } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";

/** Finds the addresses of a name, those of both families. It rejects with the system's error, and its code, where there is none. */
export type FindAddresses = (hostname: string) => Promise<readonly LookupAddress[]>;

/** Of the four threads that this process has for files, names and keys, so many wait for names of tenants. */
const maxSystemLookups = 2;
const queryTimeoutMs = 2_000;
const queryTries = 2;
/** An answer of one family waits so long for the other one's. */
const otherFamilyMs = 300;

/**
 * Asks name servers, and nobody else: no hosts file, no search domains. It takes no thread, however long a tenant's name server
 * is silent.
 *
 * @param servers `address:port`; those of the system where absent.
 */
export function askNameServers(servers?: readonly string[]): FindAddresses {
  const resolver = new Resolver({ timeout: queryTimeoutMs, tries: queryTries });
  if (servers !== undefined) resolver.setServers(servers);
  return async (hostname) => {
    const v6 = resolver.resolve6(hostname).then(
      (found) => toAddresses(found, 6),
      () => [],
    );
    const v4 = await resolver.resolve4(hostname).then(
      (found) => toAddresses(found, 4),
      (error: unknown) => error,
    );
    const isFound = Array.isArray(v4);
    const others = await (isFound ? Promise.race([v6, delay(otherFamilyMs, [], { ref: false })]) : v6);
    if (!isFound && others.length === 0) throw v4;
    return isFound ? [...v4, ...others] : others;
  };
}

/** Asks the system, which knows the names of this machine and of its network. Each question takes a thread: others wait. */
export function askSystem(): FindAddresses {
  const waiting: (() => void)[] = [];
  let asking = 0;
  return async (hostname) => {
    if (asking < maxSystemLookups) asking += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await lookup(hostname, { all: true });
    } finally {
      const next = waiting.shift();
      if (next === undefined) asking -= 1;
      else next();
    }
  };
}

function toAddresses(found: readonly string[], family: 4 | 6): readonly LookupAddress[] {
  return found.map((address) => ({ address, family }));
}
