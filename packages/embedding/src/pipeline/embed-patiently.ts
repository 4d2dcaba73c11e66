import { type AppError, toAppError, type Vector } from "@devmesh/models";
import type { Embedder, EmbedRequest } from "../embedder/embedder.ts";

/** What waiting for a model needs. */
export interface PatienceDeps {
  readonly embedder: Pick<Embedder, "embed">;
  /** How long a model asks not to be called: its bucket is empty, or its breaker open. 0 where it may be. */
  readonly headroom: (model: string) => { readonly retryAfterMs: number };
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * How long one batch waits for room, with its messages in hand. Meanwhile the worker takes no more messages than it has
 * hands for, and none of them counts a receive: that is what slows the intake down. Judgement.
 */
const maxWaitMs = 60_000;
const minPauseMs = 50;

/**
 * Embeds texts, waiting where the model has no room for them now.
 *
 * @throws AppError `resource_exhausted` when it had none for a minute, and at once for a budget; what the embedder throws.
 */
export async function embedPatiently(
  { embedder, headroom, now, sleep }: PatienceDeps,
  request: EmbedRequest & { readonly choice: { readonly model: string } },
): Promise<readonly (Vector | AppError)[]> {
  const { signal, choice } = request;
  const givesUpAt = now() + maxWaitMs;
  while (true) {
    let waitMs = headroom(choice.model).retryAfterMs;
    if (waitMs === 0 || now() >= givesUpAt) {
      try {
        return (await embedder.embed(request)).vectors;
      } catch (caught) {
        const error = toAppError(caught);
        const isShort = error.code === "resource_exhausted" && error.reason !== "budget";
        if (signal.aborted || !isShort || now() >= givesUpAt) throw error;
        waitMs = error.retryAfterMs ?? 0;
      }
    }
    await sleep(Math.max(minPauseMs, Math.min(waitMs, givesUpAt - now())), signal);
    signal.throwIfAborted();
  }
}
