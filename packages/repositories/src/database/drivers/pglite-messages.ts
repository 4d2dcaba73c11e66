export interface PgliteWorkerData {
  /** `undefined` keeps everything in memory. */
  readonly dataDir: string | undefined;
}

/** What the main thread asks of the worker. Requests are answered in order. */
export type PgliteRequest = { readonly kind: "bytes"; readonly bytes: Uint8Array } | { readonly kind: "close" };

/** What the worker answers: `ready` or `failed` first, unasked; after that one reply a request. */
export type PgliteReply =
  | { readonly kind: "ready" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly message: string };
