import type { Authenticator } from "@devmesh/auth";
import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { runLoop, sleep } from "@devmesh/runtime";
import type { OpenResponse, OpenStreams } from "./open-streams.ts";

export interface CredentialCheckOptions {
  /** One that remembers nothing: a revoked key must be noticed. */
  readonly authenticator: Authenticator;
  readonly streams: Pick<OpenStreams, "all">;
  readonly credentialCheckMs: number;
  readonly logger: Logger;
}

/** Checks the credentials of open responses now and then; those of one that has ended are ended. */
export function runCredentialCheck(options: CredentialCheckOptions, signal: AbortSignal): Promise<void> {
  return runLoop({
    name: "mcp credential check",
    signal,
    logger: options.logger,
    work: async () => {
      await sleep(options.credentialCheckMs, signal);
      if (!signal.aborted) await checkCredentials(options);
    },
  });
}

/** One round: each credential once, however many responses it has. */
async function checkCredentials({ authenticator, streams }: CredentialCheckOptions): Promise<void> {
  const byCredential = Map.groupBy(streams.all(), ({ credential }) => credential);
  await Promise.all([...byCredential].map(([credential, open]) => checkCredential(authenticator, credential, open)));
}

async function checkCredential(
  authenticator: Authenticator,
  credential: string,
  open: readonly OpenResponse[],
): Promise<void> {
  try {
    await authenticator.authenticate(credential);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "unauthenticated") throw error;
    for (const { end } of open) end();
  }
}
