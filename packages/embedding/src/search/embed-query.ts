import { AppError, type Collection, type TenantId, toAppError, type Vector } from "@devmesh/models";
import type { Embedder } from "../embedder/embedder.ts";

/** What embedding a query stands on. */
export interface EmbedQueryDeps {
  readonly embedder: Pick<Embedder, "embed">;
  /** Aborts when a query's vector has taken too long. */
  readonly newEmbedTimeout: () => AbortSignal;
}

/** A query as its model sees it. */
export interface EmbeddedQuery {
  readonly vector: Vector;
  readonly isFromCache: boolean;
}

/**
 * Embeds a query by the model of the collections that are searched.
 *
 * @throws AppError as {@link Embedder.embed}; `unavailable` where it took too long.
 */
export async function embedQuery(
  { embedder, newEmbedTimeout }: EmbedQueryDeps,
  query: string,
  { tenantId, collection, signal }: EmbedQueryOptions,
): Promise<EmbeddedQuery> {
  const { model, dimensions } = collection;
  const timeout = newEmbedTimeout();
  try {
    const { vectors, reused } = await embedder.embed({
      tenantId,
      texts: [query],
      choice: { model, dimensions },
      purpose: "query",
      signal: AbortSignal.any([signal, timeout]),
    });
    const [vector] = vectors;
    if (vector instanceof AppError) throw namingQuery(vector);
    if (vector === undefined) throw new AppError("internal", `${model} gave no vector`);
    return { vector, isFromCache: reused > 0 };
  } catch (caught) {
    if (!timeout.aborted || signal.aborted) throw caught;
    throw new AppError("unavailable", `the model ${model} did not answer in time`, {
      reason: "model_timeout",
      cause: caught,
    });
  }
}

/** The embedder names a text by its index, which the caller knows nothing of. */
function namingQuery(error: AppError): AppError {
  const message = error.message.replace(/^texts\[0\]:? /, "");
  const details = [{ path: "query", message }];
  return new AppError(error.code, `query: ${message}`, { reason: error.reason, details, cause: error });
}

interface EmbedQueryOptions {
  readonly tenantId: TenantId;
  readonly collection: Pick<Collection, "model" | "dimensions">;
  readonly signal: AbortSignal;
}

/** Failures after which words alone may still find something. */
const passing: readonly string[] = ["unavailable", "resource_exhausted", "deadline_exceeded"];

/** The error of a model that can't be had now; undefined for one of the query, of the caller or of ours. */
export function toModelOutage(caught: unknown): AppError | undefined {
  const error = toAppError(caught);
  return passing.includes(error.code) || error.reason === "no_provider" ? error : undefined;
}
