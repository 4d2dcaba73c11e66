import { randomUUID } from "node:crypto";
import type { ReceivedMessage } from "@devmesh/adapters";
import { encodeEmbeddingMessage } from "@devmesh/embedding";
import {
  AppError,
  type ChunkId,
  type Collection,
  type CollectionId,
  type DocumentId,
  type PendingDocument,
  type TenantId,
} from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { describe, expect, test } from "vitest";
import { createEmbeddingMessageHandler, type EmbeddingMessagesDeps } from "./consume-embeddings.ts";

const never = new AbortController().signal;
const collectionId = randomUUID() as CollectionId;

function toDocument(): PendingDocument {
  return { collectionId, documentId: randomUUID() as DocumentId, version: 1 };
}

function toMessage(tenantId: TenantId, documents: readonly PendingDocument[], receiveCount = 1): ReceivedMessage {
  const body = encodeEmbeddingMessage({ tenantId, documents });
  return { id: randomUUID(), body, receiptHandle: "handle", receiveCount };
}

/** Each document has one chunk, which is its own id. */
function createHandler(given: Partial<EmbeddingMessagesDeps> = {}) {
  const calls: { readonly tenantId: TenantId; readonly texts: readonly string[] }[] = [];
  const failed: unknown[] = [];
  const postponed: unknown[] = [];
  const noted: unknown[] = [];
  const written = new Set<string>();
  let time = 0;
  const handle = createEmbeddingMessageHandler({
    collections: {
      find: async () => ({ id: collectionId, model: "m", dimensions: 256, context: "none" }) as Collection,
    },
    pending: {
      findChunks: async (_tenant, documents) =>
        documents
          .filter(({ documentId }) => !written.has(documentId))
          .map((document) => ({
            ...{ id: `${document.documentId}` as string as ChunkId, ordinal: 0, content: document.documentId },
            ...{ heading: undefined, context: undefined, document },
          })),
      findContents: async () => new Map(),
      setContexts: async () => undefined,
      writeVectors: async (_collection, vectors) => {
        for (const { chunkId } of vectors) written.add(chunkId);
        return vectors.map(({ chunkId }) => chunkId as string as DocumentId);
      },
      postpone: async (_tenant, documents, forMs) => void postponed.push([documents, forMs]),
      fail: async (_tenant, documents, error) => void failed.push([documents, error]),
    },
    embedder: {
      embed: async ({ tenantId, texts }) => {
        calls.push({ tenantId, texts });
        return {
          model: "m",
          dimensions: 256,
          vectors: texts.map(() => new Float32Array(1)),
          usage: {} as never,
          reused: 0,
        };
      },
    },
    writeContexts: undefined,
    maxCharacters: () => 1_000,
    random: () => 0,
    headroom: () => ({ retryAfterMs: 0 }),
    now: () => time,
    sleep: async (ms) => {
      time += ms;
    },
    onDone: () => undefined,
    onBatch: () => undefined,
    watch: { isUp: true, noteFailure: (error) => noted.push(error) },
    logger: createLogger({ level: "silent", service: "worker" }),
    ...given,
  });
  return { handle, calls, failed, postponed, noted };
}

function failing(error: AppError): Partial<EmbeddingMessagesDeps> {
  return { embedder: { embed: () => Promise.reject(error) } };
}

describe("the handler of embedding messages", () => {
  test("embeds messages that come together together, each tenant's for itself", async () => {
    const { handle, calls } = createHandler();
    const [a, b] = [randomUUID() as TenantId, randomUUID() as TenantId];
    const messages = [
      toMessage(a, [toDocument(), toDocument()]),
      toMessage(b, [toDocument()]),
      toMessage(a, [toDocument()]),
    ];
    expect(await Promise.all(messages.map((message) => handle(message, never)))).toEqual(["done", "done", "done"]);
    expect(calls.map(({ tenantId, texts }) => [tenantId, texts.length])).toEqual([
      [a, 3],
      [b, 1],
    ]);
  });

  test("has a message come again, later each time, and gives its documents up with the last", async () => {
    const { handle, failed } = createHandler(failing(new AppError("unavailable", "away")));
    const tenantId = randomUUID() as TenantId;
    const documents = [toDocument()];
    const outcomes = await Promise.all(
      [1, 2, 3, 4].map((count) => handle(toMessage(tenantId, documents, count), never)),
    );
    expect(outcomes).toEqual([5_000, 15_000, 45_000, 135_000].map((retryAfterMs) => ({ retryAfterMs })));
    expect(failed).toEqual([]);
    expect(await handle(toMessage(tenantId, documents, 5), never)).toEqual({ deadLetterBecause: "unavailable: away" });
    expect(failed).toEqual([[documents, { code: "unavailable", message: "away" }]]);
  });

  test("gives nothing up for want of capacity, and puts off what has to wait for long", async () => {
    const throttled = createHandler(failing(new AppError("resource_exhausted", "slow", { reason: "throttled" })));
    const documents = [toDocument()];
    const message = (count: number) => toMessage(randomUUID() as TenantId, documents, count);
    expect(await throttled.handle(message(1), never)).toEqual({ retryAfterMs: 5_000 });
    expect(throttled.postponed).toEqual([]);
    expect(await throttled.handle(message(5), never)).toBe("done");
    const spent = createHandler(failing(new AppError("resource_exhausted", "spent", { reason: "budget" })));
    expect(await spent.handle(message(1), never)).toBe("done");
    const away = createHandler(failing(new AppError("unavailable", "away", { reason: "breaker_open" })));
    expect(await away.handle(message(5), never)).toBe("done");
    expect([throttled, spent, away].flatMap(({ failed }) => failed)).toEqual([]);
    expect([throttled, spent, away].map(({ postponed }) => postponed)).toEqual(
      [1, 2, 3].map(() => [[documents, 600_000]]),
    );
  });

  test("refuses for good what is no message", async () => {
    const { handle } = createHandler();
    await expect(handle({ ...toMessage(randomUUID() as TenantId, []), body: "{}" }, never)).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  test("notes that the database is away, and leaves the message for later", async () => {
    const away = new AppError("unavailable", "no database");
    const { handle, noted } = createHandler({ collections: { find: () => Promise.reject(away) } });
    await expect(handle(toMessage(randomUUID() as TenantId, [toDocument()]), never)).rejects.toBe(away);
    expect(noted).toContain(away);
  });
});
