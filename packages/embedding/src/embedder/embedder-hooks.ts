/** One call of one model in one region. */
export interface CallPlace {
  readonly model: string;
  /** `local` for what this process computes. */
  readonly region: string;
}

/** What is told to whoever counts: all of it few-valued but the figures. A hook must not throw. */
export interface EmbedderHooks {
  /** Texts that a cache level (`memory`, `redis`, `postgres`) had, and had not. */
  readonly onLookup?: (level: string, hits: number, misses: number) => void;
  readonly onCall?: (
    call: CallPlace & {
      readonly texts: number;
      readonly tokens: number;
      /** With its fraction. */
      readonly costMicroUsd: number;
      readonly tookMs: number;
    },
  ) => void;
  /** A call that gave nothing; `code` and `reason` are the error's. */
  readonly onFailure?: (call: CallPlace & { readonly code: string; readonly reason: string | undefined }) => void;
  /** The service asked to slow down; `share` is what is left of the quota's rate. */
  readonly onThrottled?: (call: CallPlace & { readonly share: number }) => void;
  readonly onRetry?: (call: CallPlace & { readonly delayMs: number }) => void;
  /** How long a call waited for its token bucket. */
  readonly onWait?: (call: CallPlace & { readonly waitedMs: number }) => void;
  /** Another model took over, where a strategy had chosen `from`. */
  readonly onFailover?: (change: { readonly from: string; readonly to: string }) => void;
}
