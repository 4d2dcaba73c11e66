import type { Authenticator } from "@devmesh/auth";
import type { Logger } from "@devmesh/observability";
import { createRateLimiter, type RateLimit, type RateLimiter } from "@devmesh/runtime";
import { runCredentialCheck } from "./check-credentials.ts";
import { createOriginGuard, type OriginGuard, type OriginLists } from "./guard-origin.ts";
import { createOpenStreams, type OpenStreams, type StreamLimits } from "./open-streams.ts";

/** Who is let in over HTTP, and how much of it. */
export interface DoorConfig extends OriginLists {
  /** Requests of one key, or of one address without a good one; undefined where it is off. */
  readonly rateLimit: RateLimit | undefined;
  /** Responses that are open for news. */
  readonly streams: StreamLimits;
}

/** What everything that a node serves over HTTP shares: one budget for a key, and one bound of open responses. */
export interface Door extends AsyncDisposable {
  readonly guard: OriginGuard;
  readonly authenticator: Authenticator;
  /** Undefined where there is no limit. */
  readonly rateLimiter: RateLimiter | undefined;
  readonly streams: OpenStreams;
}

/** What a door is opened with. */
export interface OpenDoorOptions {
  readonly config: DoorConfig;
  readonly authenticator: Authenticator;
  /** One that remembers nothing, for credentials of open responses. */
  readonly freshAuthenticator: Authenticator;
  /** Between two checks of these. */
  readonly credentialCheckMs: number;
  /** Milliseconds, rising. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** Opens the door of a node, and looks after the credentials of what is open until it is disposed of. */
export function openDoor(options: OpenDoorOptions): Door {
  const { config, authenticator, freshAuthenticator, credentialCheckMs, now, logger } = options;
  const streams = createOpenStreams(config.streams);
  const ending = new AbortController();
  const check = { authenticator: freshAuthenticator, streams, credentialCheckMs, logger };
  const checking = runCredentialCheck(check, ending.signal);
  return {
    guard: createOriginGuard(config),
    authenticator,
    rateLimiter: config.rateLimit && createRateLimiter({ ...config.rateLimit, now }),
    streams,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await checking;
    },
  };
}
