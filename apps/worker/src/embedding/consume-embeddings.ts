import type { HandlerOutcome, ReceivedMessage } from "@devmesh/adapters";
import {
  type EmbedDocumentsDeps,
  type EmbeddingMessage,
  embedDocuments,
  parseEmbeddingMessage,
  type Unfinished,
} from "@devmesh/embedding";
import { type AppError, toErrorBody } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { createBatchWriter } from "@devmesh/tasks";
import type { DatabaseWatch } from "../database-watch.ts";
import { maxReceiveCount } from "../queue/open-queue.ts";

export interface EmbeddingMessagesDeps extends EmbedDocumentsDeps {
  readonly watch: DatabaseWatch;
  readonly logger: Logger;
}

/** Documents that are embedded together, and how many such batches at once: what a worker has in memory. Judgement. */
const maxDocuments = 200;
const maxBatches = 4;
/** 5 s, 15 s, 45 s, 135 s. Judgement. */
const firstRetryMs = 5_000;
const retryFactor = 3;
/** Until what a budget, or the model, has no room for is tried again. Judgement. */
const postponedMs = 600_000;

/**
 * Makes the handler of `devmesh-embeddings`. Messages that come together are embedded together, tenant by tenant. A message
 * that has some document left comes again, later each time; with its last receive it is dead, and those documents are
 * given up. What is short of capacity or budget, or came to a model that is away for everybody (its breaker is open), is
 * never given up: it is put off.
 *
 * The handler throws `invalid_argument` for a body that is none.
 */
export function createEmbeddingMessageHandler(
  deps: EmbeddingMessagesDeps,
): (message: ReceivedMessage, signal: AbortSignal) => Promise<HandlerOutcome> {
  const batches = createBatchWriter<Work, Unfinished>({
    run: (works) => embedTogether(deps, works),
    maxBatch: maxDocuments,
    weigh: ({ message }) => message.documents.length,
    ownerOf: ({ message }) => message.tenantId,
    concurrency: maxBatches,
    maxWaiting: 1_000,
  });
  return async (received, signal) => {
    const message = parseEmbeddingMessage(received.body);
    try {
      return await settle(deps, message, { received, unfinished: await batches.add({ message, signal }) });
    } catch (error) {
      deps.watch.noteFailure(error);
      throw error;
    }
  };
}

interface Work {
  readonly message: EmbeddingMessage;
  readonly signal: AbortSignal;
}

async function embedTogether(deps: EmbedDocumentsDeps, works: readonly Work[]): Promise<readonly Unfinished[]> {
  const byTenant = Map.groupBy(works, ({ message }) => message.tenantId);
  const unfinished = await Promise.all(
    [...byTenant].map(([tenantId, ofTenant]) => {
      const documents = ofTenant.flatMap(({ message }) => message.documents);
      const signal = AbortSignal.any([...new Set(ofTenant.map((work) => work.signal))]);
      return embedDocuments(deps, { tenantId, documents, signal });
    }),
  );
  const all = new Map(unfinished.flatMap((each) => [...each]));
  return works.map(({ message }) => {
    const left = message.documents.flatMap(({ documentId }) => {
      const error = all.get(documentId);
      return error === undefined ? [] : [[documentId, error] as const];
    });
    return new Map(left);
  });
}

async function settle(
  { pending, onDone, logger }: EmbeddingMessagesDeps,
  { tenantId, documents }: EmbeddingMessage,
  { received, unfinished }: { readonly received: ReceivedMessage; readonly unfinished: Unfinished },
): Promise<HandlerOutcome> {
  const [error] = unfinished.values();
  if (error === undefined) return "done";
  const errors = [...unfinished.values()];
  logger.warn(
    { err: error, tenantId, documents: unfinished.size, receives: received.receiveCount },
    "documents not embedded",
  );
  if (received.receiveCount < maxReceiveCount && !errors.some(isOutOfBudget)) {
    return { retryAfterMs: toRetryMs(error, received.receiveCount) };
  }
  const left = documents.filter(({ documentId }) => unfinished.has(documentId));
  if (errors.some(isNotTheirs)) {
    // it will pass one day: they wait for it, neither in the queue nor on the way, where they would be in others'
    await pending.postpone(tenantId, left, postponedMs);
    return "done";
  }
  const { code, message } = toErrorBody(error);
  await pending.fail(tenantId, left, { code, message });
  for (const { collectionId } of left) onDone({ collection: { tenantId, collectionId }, indexed: 0, failed: 1 });
  return { deadLetterBecause: `${code}: ${message}` };
}

/** Says nothing about the documents. */
function isNotTheirs({ code, reason }: AppError): boolean {
  return code === "resource_exhausted" || reason === "breaker_open";
}

function isOutOfBudget({ code, reason }: AppError): boolean {
  return code === "resource_exhausted" && reason === "budget";
}

function toRetryMs(error: AppError, receiveCount: number): number {
  return error.retryAfterMs ?? firstRetryMs * retryFactor ** (receiveCount - 1);
}
