import { type Authenticator, hasScope, type Principal } from "@devmesh/auth";
import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { closeCodes } from "@devmesh/protocol";
import { runLoop, sleep } from "@devmesh/runtime";
import type { Connection } from "../connections/connection.ts";

export interface CredentialCheckOptions {
  /** One that remembers nothing: a revoked key must be noticed. */
  readonly authenticator: Authenticator;
  readonly connections: () => Iterable<Connection>;
  readonly credentialCheckMs: number;
  readonly logger: Logger;
}

/** Checks the credentials of open connections now and then; those of one that has ended are closed with 4401. */
export function runCredentialCheck(options: CredentialCheckOptions, signal: AbortSignal): Promise<void> {
  return runLoop({
    name: "credential check",
    signal,
    logger: options.logger,
    work: async () => {
      await sleep(options.credentialCheckMs, signal);
      if (!signal.aborted) await checkCredentials(options);
    },
  });
}

type CheckedCredentials = Pick<CredentialCheckOptions, "authenticator" | "connections">;

/** One round: each credential once, however many connections it has, and all of them in one turn. */
export async function checkCredentials({ authenticator, connections }: CheckedCredentials): Promise<void> {
  const byCredential = Map.groupBy(connections(), ({ credential }) => credential);
  await Promise.all([...byCredential].map((entry) => checkCredential(authenticator, ...entry)));
}

async function checkCredential(
  authenticator: Authenticator,
  credential: string,
  connections: readonly Connection[],
): Promise<void> {
  const principal = await findPrincipal(authenticator, credential);
  for (const connection of connections) {
    if (principal !== undefined) connection.principal = principal;
    else connection.close(closeCodes.credentialEnded, "the credential has ended");
  }
}

/** Undefined for a credential that is none any more. */
async function findPrincipal(authenticator: Authenticator, credential: string): Promise<Principal | undefined> {
  try {
    const principal = await authenticator.authenticate(credential);
    return hasScope(principal, "agents:connect") ? principal : undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === "unauthenticated") return undefined;
    throw error;
  }
}
