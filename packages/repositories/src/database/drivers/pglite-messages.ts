export interface PgliteWorkerData {
  /** `undefined` keeps everything in memory. */
  readonly dataDir: string | undefined;
  /** What is there from the beginning; `undefined` makes a new cluster. */
  readonly snapshot: Uint8Array | undefined;
}

/** What the main thread asks of the worker. Requests are answered in order. */
export type PgliteRequest =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "dump" }
  | { readonly kind: "close" };

/** What the worker answers: `ready` or `failed` first, unasked; after that one reply a request. */
export type PgliteReply =
  | { readonly kind: "ready" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "dumped"; readonly snapshot: Uint8Array<ArrayBuffer> }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly message: string };
