import { randomUUID } from "node:crypto";
import {
  addDocuments,
  createCollection,
  createEmbedder,
  embedDocuments,
  embedLocally,
  type RoutingEmbedder,
  type SearchAnswer,
  type SearchTerms,
  searchCollections,
} from "@devmesh/embedding";
import { type Collection, searchRequestSchema, type TenantId } from "@devmesh/models";
import {
  collectionRepository,
  type Database,
  documentRepository,
  keyRepository,
  migrate,
  openPostgres,
  pendingRepository,
  searchRepository,
  usageLedger,
} from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { startServices } from "@devmesh/testing";
import type { Passage } from "./corpus.ts";

/** Collections of one tenant on native Postgres, through the use cases that REST and the worker call. */
export interface LocalSearch extends AsyncDisposable {
  readonly database: Database;
  readonly tenantId: TenantId;
  /** Makes a collection with everything at its default but what is given, fills it, and embeds all of it. */
  fill(body: Readonly<Record<string, unknown>>, passages: readonly Passage[]): Promise<Collection>;
  search(collection: Collection, request: Readonly<Record<string, unknown>>): Promise<SearchAnswer>;
}

const { signal } = new AbortController();
const now = (): number => performance.now();
const sleep = async (): Promise<void> => {};
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Starts a Postgres of its own, with fsync on, and the local model. */
export async function openLocalSearch(): Promise<LocalSearch> {
  await using stack = new AsyncDisposableStack();
  const services = stack.adopt(await startServices({ fsync: true }), (running) => running.stop());
  const database = stack.use(openPostgres({ url: services.databaseUrl }));
  await migrate(database);
  const tenantId = randomUUID() as TenantId;
  await keyRepository(database).createTenant({ id: tenantId, name: "benchmark" });
  const ledger = usageLedger(database);
  const embedder = createEmbedder({
    transports: [],
    caches: [],
    ledger,
    embedLocally,
    now,
    random: Math.random,
    sleep,
  });
  const owned = stack.move();
  return {
    database,
    tenantId,
    fill: (body, passages) => fill({ database, tenantId, embedder }, body, passages),
    search: (collection, request) => {
      const terms: SearchTerms = searchRequestSchema.omit({ filter: true }).parse({ collections: ["x"], ...request });
      const searches = searchRepository(database);
      const newEmbedTimeout = (): AbortSignal => AbortSignal.timeout(30_000);
      return searchCollections(
        { searches, embedder, now, newEmbedTimeout },
        { tenantId, collections: [collection], request: terms, signal },
      );
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Parts {
  readonly database: Database;
  readonly tenantId: TenantId;
  readonly embedder: RoutingEmbedder;
}

async function fill(
  { database, tenantId, embedder }: Parts,
  body: Readonly<Record<string, unknown>>,
  passages: readonly Passage[],
): Promise<Collection> {
  const newId = createUuidV7();
  const collections = collectionRepository(database);
  const { made } = await createCollection(
    { embedder, newId, canWriteContexts: false, collections },
    { tenantId, body, key: undefined },
  );
  for (let from = 0; from < passages.length; from += 200) {
    const documents = passages.slice(from, from + 200).map((passage) => ({ mediaType: "text/markdown", ...passage }));
    const results = await addDocuments(
      { documents: documentRepository(database), newId, breathe },
      { tenantId, collection: made, documents },
    );
    const problem = results.find((result) => "error" in result);
    if (problem !== undefined) throw new Error(`a passage was refused: ${JSON.stringify(problem)}`);
  }
  await embedAll({ database, tenantId, embedder }, made);
  return made;
}

async function embedAll({ database, tenantId, embedder }: Parts, collection: Collection): Promise<void> {
  const pending = pendingRepository(database);
  const collections = collectionRepository(database);
  const nothing = (): void => {};
  for (;;) {
    const documents = await pending.claim(200, 600_000);
    if (documents.length === 0) break;
    const headroom = (model: string): { readonly retryAfterMs: number } => embedder.headroom(model);
    const maxCharacters = (model: string): number =>
      embedder.listModels().find(({ id }) => id === model)?.limits.maxCharacters ?? 2_048;
    await embedDocuments(
      {
        embedder,
        collections,
        pending,
        writeContexts: undefined,
        onDone: nothing,
        onBatch: nothing,
        headroom,
        maxCharacters,
        now,
        sleep,
        random: Math.random,
      },
      { tenantId, documents, signal },
    );
  }
  const counts = await collections.counts(tenantId, collection.id);
  if (counts.pending + counts.failed > 0) throw new Error(`not all is embedded: ${JSON.stringify(counts)}`);
}
