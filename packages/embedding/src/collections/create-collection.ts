import {
  AppError,
  type Collection,
  type CollectionId,
  type CollectionKind,
  embeddingStrategies,
  isUuid,
  type NewCollection,
  type NewId,
  newCollectionSchema,
  parseWith,
  type TenantId,
  type VectorStorage,
} from "@devmesh/models";
import { allModels } from "../catalogue/all-models.ts";
import type { Embedder, ModelChoice } from "../embedder/embedder.ts";
import type { CollectionStore, RequestKey } from "../ports/collection-store.ts";

/** The most collections of one tenant: each has storage and an index of its own. */
export const maxCollections = 200;

/** The most dimensions that an HNSW index of pgvector takes, by how vectors are kept. */
const maxDimensions: Readonly<Record<VectorStorage, number>> = { vector: 2_000, halfvec: 4_000 };

/** What describing a collection stands on. */
export interface PlanCollectionDeps {
  readonly embedder: Pick<Embedder, "resolve">;
  readonly newId: NewId;
  /** Whether there is a Claude that writes contexts. */
  readonly canWriteContexts: boolean;
  /**
   * How vectors are kept where nothing is said and their dimensions allow it; `halfvec` unless given. An embedded Postgres
   * (WebAssembly) takes eight times as long to put a `halfvec` into an index as a `vector`: measured.
   */
  readonly defaultStorage?: VectorStorage | undefined;
}

/** What making a collection stands on. */
export interface CreateCollectionDeps extends PlanCollectionDeps {
  readonly collections: Pick<CollectionStore, "create">;
}

/** A collection that is asked for. */
export interface CreateCollectionRequest {
  readonly tenantId: TenantId;
  /** Unchecked. */
  readonly body: unknown;
  readonly key: RequestKey | undefined;
}

/**
 * Makes a collection, or answers with the one that the same key made. A strategy is resolved to a model now: the
 * collection keeps that model for life.
 *
 * @throws AppError `invalid_argument` for a model that there is not, dimensions that it does not give or that the storage
 * can't index, chunks that it does not read to their end, and a name of the form of an id; `failed_precondition` for contexts by Claude where there is none, and past
 * {@link maxCollections}; `conflict` for a name that is taken, and for a key that came with another body.
 */
export async function createCollection(
  deps: CreateCollectionDeps,
  { tenantId, body, key }: CreateCollectionRequest,
): Promise<{ readonly made: Collection; readonly isReplay: boolean }> {
  const asked = parseWith(newCollectionSchema, body);
  const collection = planCollection(deps, { tenantId, kind: "user", asked });
  return deps.collections.create(collection, { max: maxCollections, key });
}

/** A collection as it is going to be, its model resolved. @throws as {@link createCollection}, but for `conflict`. */
export function planCollection(
  { embedder, newId, canWriteContexts, defaultStorage = "halfvec" }: PlanCollectionDeps,
  {
    tenantId,
    kind,
    asked,
  }: { readonly tenantId: TenantId; readonly kind: CollectionKind; readonly asked: NewCollection },
): Omit<Collection, "createdAt"> {
  // a path or a search that names it could mean either
  if (isUuid(asked.name.toLowerCase())) throw refused("name", "must not have the form of an id");
  if (asked.context === "claude" && !canWriteContexts) {
    const message = "context: Claude writes contexts through Bedrock, and this mesh has no access to it";
    throw new AppError("failed_precondition", message, { reason: "no_claude" });
  }
  const { model, dimensions } = embedder.resolve(choiceOf(asked));
  const storage = asked.storage ?? (dimensions > maxDimensions[defaultStorage] ? "halfvec" : defaultStorage);
  const max = maxDimensions[storage];
  if (dimensions > max) {
    const message = `${model} gives ${dimensions} dimensions: an index of ${storage} takes ${max} at most, halfvec takes ${maxDimensions.halfvec}`;
    throw refused("storage", message);
  }
  assertReadable(model, asked.chunking.maxTokens);
  const { description, ...rest } = asked;
  return { ...rest, tenantId, id: newId() as CollectionId, kind, description, model, dimensions, storage };
}

/** @throws AppError `invalid_argument` for chunks that the model would not read to their end. */
function assertReadable(model: string, maxTokens: number): void {
  const limit = allModels.find(({ id }) => id === model)?.limits.maxTokens;
  if (limit === undefined || maxTokens <= limit) return;
  throw refused("chunking.maxTokens", `${model} reads ${limit} tokens, chunks of ${maxTokens} are too long for it`);
}

function choiceOf({ model, dimensions }: NewCollection): ModelChoice {
  const strategy = embeddingStrategies.find((one) => one === model);
  return strategy === undefined ? { model, dimensions } : { strategy, dimensions };
}

function refused(path: string, message: string): AppError {
  return new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
}
