import {
  AppError,
  type ChunkId,
  type Collection,
  type CollectionId,
  type DocumentId,
  type PendingChunk,
  type PendingDocument,
  type TenantId,
} from "@devmesh/models";
import { describe, expect, test } from "vitest";
import type { EmbedRequest } from "../embedder/embedder.ts";
import { type EmbedDocumentsDeps, embedDocuments } from "./embed-documents.ts";

const tenantId = "t" as TenantId;
const never = new AbortController().signal;

type Chunk = PendingChunk & { readonly document: PendingDocument };

function toCollection(id: string, more: Partial<Collection> = {}): Collection {
  return { tenantId, id, model: "m", dimensions: 256, context: "none", ...more } as unknown as Collection;
}

function toDocument(documentId: string, collectionId = "c"): PendingDocument {
  return { collectionId: collectionId as CollectionId, documentId: documentId as DocumentId, version: 1 };
}

function toChunk(id: string, document: PendingDocument, content = id): Chunk {
  return { id: id as ChunkId, ordinal: 0, content, heading: undefined, context: undefined, document };
}

interface Fake extends EmbedDocumentsDeps {
  readonly log: unknown[];
  readonly embedded: EmbedRequest[];
}

/** A store that knows chunks, and forgets those that get a vector. */
function createFake(chunks: readonly Chunk[], given: Partial<EmbedDocumentsDeps> = {}): Fake {
  const log: unknown[] = [];
  const embedded: EmbedRequest[] = [];
  let left = [...chunks];
  let time = 0;
  const known = [
    toCollection("c"),
    toCollection("d"),
    toCollection("e", { model: "n" }),
    toCollection("ctx", { context: "claude" }),
  ];
  return {
    log,
    embedded,
    collections: { find: async (_tenant, id) => known.find((one) => one.id === id) },
    pending: {
      findChunks: async (_tenant, documents, limit) =>
        left.filter(({ document }) => documents.some((one) => one.documentId === document.documentId)).slice(0, limit),
      findContents: async (_tenant, documents) =>
        new Map(documents.map(({ documentId }) => [documentId, `all of ${documentId}`])),
      setContexts: async ({ collectionId }, contexts) => {
        log.push(["contexts", collectionId, Object.fromEntries(contexts)]);
        left = left.map((chunk) => ({ ...chunk, context: contexts.get(chunk.id) ?? chunk.context }));
      },
      writeVectors: async ({ collectionId }, vectors) => {
        log.push(["vectors", collectionId, vectors.map(({ chunkId }) => chunkId)]);
        const written = new Set(vectors.map(({ chunkId }) => chunkId));
        const touched = left.filter(({ id }) => written.has(id)).map(({ document }) => document.documentId);
        left = left.filter(({ id }) => !written.has(id));
        return [...new Set(touched)].filter((id) => !left.some(({ document }) => document.documentId === id));
      },
      postpone: async () => undefined,
      fail: async (_tenant, documents, { code }) =>
        void log.push(["fail", documents.map(({ documentId }) => documentId), code]),
    },
    embedder: {
      embed: async (request) => {
        embedded.push(request);
        const vectors = request.texts.map((text) =>
          text.includes("bad") ? new AppError("invalid_argument", "too long") : new Float32Array([1]),
        );
        return { model: "m", dimensions: 256, vectors, usage: {} as never, reused: 0 };
      },
    },
    writeContexts: async ({ chunks: bare, document }) =>
      new Map(bare.map(({ ordinal }) => [ordinal, `of ${document}`])),
    maxCharacters: () => 60,
    headroom: () => ({ retryAfterMs: 0 }),
    random: () => 0,
    now: () => time,
    sleep: async (ms) => {
      time += ms;
    },
    onDone: ({ collection, indexed, failed }) => log.push(["done", collection.collectionId, indexed, failed]),
    onBatch: () => undefined,
    ...given,
  };
}

describe("embedding documents", () => {
  test("collections of one model go to it together, and are written one by one", async () => {
    const [a, b, c] = [toDocument("a"), toDocument("b", "d"), toDocument("x", "e")];
    const fake = createFake([toChunk("1", a), toChunk("2", b), toChunk("3", a), toChunk("4", c)]);
    const unfinished = await embedDocuments(fake, { tenantId, documents: [a, b, c], signal: never });
    expect(unfinished.size).toBe(0);
    expect(fake.embedded.map(({ texts, choice }) => [texts, choice])).toEqual([
      [["1", "2", "3"], { model: "m", dimensions: 256 }],
      [["4"], { model: "n", dimensions: 256 }],
    ]);
    expect(fake.log).toContainEqual(["vectors", "c", ["1", "3"]]);
    expect(fake.log).toContainEqual(["done", "d", 1, 0]);
    expect(fake.log).toContainEqual(["done", "e", 1, 0]);
  });

  test("a long document goes in parts, and is done with the last", async () => {
    const a = toDocument("a");
    const fake = createFake(Array.from({ length: 900 }, (_, n) => toChunk(String(n), a)));
    const { writeVectors } = fake.pending;
    const pieces: number[] = [];
    fake.pending.writeVectors = (collection, vectors) => {
      pieces.push(vectors.length);
      return writeVectors(collection, vectors);
    };
    await embedDocuments(fake, { tenantId, documents: [a], signal: never });
    expect(fake.embedded.map(({ texts }) => texts.length)).toEqual([384, 384, 132]);
    expect(Math.max(...pieces)).toBe(16);
    const done = fake.log.filter((one) => Array.isArray(one) && one[0] === "done");
    expect(done.filter((one) => Array.isArray(one) && one[2] === 1)).toEqual([done.at(-1)]);
  });

  test("a chunk that the model refuses fails its document alone", async () => {
    const [a, b] = [toDocument("a"), toDocument("b")];
    const fake = createFake([toChunk("1", a), toChunk("2", a, "bad"), toChunk("3", b)]);
    const unfinished = await embedDocuments(fake, { tenantId, documents: [a, b], signal: never });
    expect(unfinished.size).toBe(0);
    expect(fake.log).toContainEqual(["fail", ["a"], "invalid_argument"]);
    expect(fake.log).toContainEqual(["vectors", "c", ["1", "3"]]);
  });

  test("when the model is away its documents are left, those of another are done", async () => {
    const [a, b] = [toDocument("a"), toDocument("b", "e")];
    const fake = createFake([toChunk("1", a), toChunk("2", b)]);
    const { embed } = fake.embedder;
    const embedder: EmbedDocumentsDeps["embedder"] = {
      embed: (request) =>
        "model" in request.choice && request.choice.model === "m"
          ? Promise.reject(new AppError("unavailable", "away"))
          : embed(request),
    };
    const unfinished = await embedDocuments({ ...fake, embedder }, { tenantId, documents: [a, b], signal: never });
    expect([...unfinished].map(([id, { code }]) => [id, code])).toEqual([["a", "unavailable"]]);
    expect(fake.log).toContainEqual(["done", "e", 1, 0]);
  });

  test("what is longer than the model reads is cut, and never within a character", async () => {
    const a = toDocument("a");
    const fake = createFake([toChunk("1", a, "x".repeat(100)), toChunk("2", a, `${"x".repeat(59)}😀`)]);
    await embedDocuments(fake, { tenantId, documents: [a], signal: never });
    expect(fake.embedded[0]?.texts).toEqual(["x".repeat(60), "x".repeat(59)]);
  });

  test("what is gone, and a collection that is gone, is nobody's concern", async () => {
    const gone = [toDocument("a"), toDocument("b", "no such")];
    const fake = createFake([]);
    expect((await embedDocuments(fake, { tenantId, documents: gone, signal: never })).size).toBe(0);
    expect(fake.log).toEqual([]);
  });
});

describe("contexts", () => {
  test("are written and found by text before the chunk is embedded with them", async () => {
    const a = toDocument("a", "ctx");
    const fake = createFake([{ ...toChunk("1", a, "text"), heading: "Title" }]);
    await embedDocuments(fake, { tenantId, documents: [a], signal: never });
    expect(fake.log[0]).toEqual(["contexts", "ctx", { "1": "of all of a" }]);
    expect(fake.embedded[0]?.texts).toEqual(["Title\n\nof all of a\n\ntext"]);
  });

  test("that are there already are not written again", async () => {
    const a = toDocument("a", "ctx");
    const fake = createFake([{ ...toChunk("1", a, "text"), context: "known" }], {
      writeContexts: () => expect.unreachable(),
    });
    await embedDocuments(fake, { tenantId, documents: [a], signal: never });
    expect(fake.embedded[0]?.texts).toEqual(["known\n\ntext"]);
  });

  test("are written for the chunks of a document that have none, however many have one", async () => {
    const a = toDocument("a", "ctx");
    const fake = createFake([
      { ...toChunk("1", a), context: "known" },
      { ...toChunk("2", a), context: "known" },
      toChunk("3", a),
    ]);
    expect((await embedDocuments(fake, { tenantId, documents: [a], signal: never })).size).toBe(0);
    expect(fake.embedded[0]?.texts).toEqual(["known\n\n1", "known\n\n2", "of all of a\n\n3"]);
    expect(fake.log).toContainEqual(["done", "ctx", 1, 0]);
  });

  test("are paid for once where a second worker is at the same documents, because the first takes long", async () => {
    const documents = Array.from({ length: 20 }, (_, n) => toDocument(String(n), "ctx"));
    const written: string[] = [];
    const fake = createFake(
      documents.map((one) => toChunk(`of ${one.documentId}`, one)),
      {
        writeContexts: async ({ document }) => {
          written.push(document);
          for (let turn = 0; turn < 20; turn++) await Promise.resolve();
          return new Map([[0, "context"]]);
        },
      },
    );
    const work = (random: number) =>
      embedDocuments({ ...fake, random: () => random }, { tenantId, documents, signal: never });
    const unfinished = await Promise.all([work(0), work(0.5)]);
    expect(unfinished.map(({ size }) => size)).toEqual([0, 0]);
    expect(written).toHaveLength(20);
    const texts = fake.embedded.flatMap((request) => request.texts);
    expect(new Set(texts)).toEqual(new Set(documents.map(({ documentId }) => `context\n\nof ${documentId}`)));
  });

  test("that can't be written now leave their document alone, and give it up where nobody writes", async () => {
    const [a, b] = [toDocument("a", "ctx"), toDocument("b")];
    const chunks = [toChunk("1", a), toChunk("2", b)];
    const away = createFake(chunks, { writeContexts: () => Promise.reject(new AppError("unavailable", "away")) });
    const unfinished = await embedDocuments(away, { tenantId, documents: [a, b], signal: never });
    expect([...unfinished.keys()]).toEqual(["a"]);
    expect(away.log).toContainEqual(["vectors", "c", ["2"]]);
    const nobody = createFake(chunks, { writeContexts: undefined });
    expect((await embedDocuments(nobody, { tenantId, documents: [a, b], signal: never })).size).toBe(0);
    expect(nobody.log).toContainEqual(["fail", ["a"], "failed_precondition"]);
  });
});

describe("a model without room", () => {
  const a = toDocument("a");

  test("is waited for before it is asked", async () => {
    let asked = 0;
    const fake = createFake([toChunk("1", a)], { headroom: () => ({ retryAfterMs: asked++ < 3 ? 700 : 0 }) });
    expect((await embedDocuments(fake, { tenantId, documents: [a], signal: never })).size).toBe(0);
    expect(fake.now()).toBe(2_100);
    expect(fake.embedded).toHaveLength(1);
  });

  test("that throttles is asked again when it says, for a minute", async () => {
    const fake = createFake([toChunk("1", a)]);
    let calls = 0;
    const embed = (): Promise<never> => {
      calls++;
      return Promise.reject(
        new AppError("resource_exhausted", "slow down", { reason: "throttled", retryAfterMs: 10_000 }),
      );
    };
    const unfinished = await embedDocuments(
      { ...fake, embedder: { embed } },
      { tenantId, documents: [a], signal: never },
    );
    expect(unfinished.get(a.documentId)?.reason).toBe("throttled");
    expect(calls).toBe(7);
    expect(fake.now()).toBe(60_000);
  });

  test("for a budget is not waited for", async () => {
    const fake = createFake([toChunk("1", a)]);
    const embed = (): Promise<never> =>
      Promise.reject(new AppError("resource_exhausted", "spent", { reason: "budget" }));
    const unfinished = await embedDocuments(
      { ...fake, embedder: { embed } },
      { tenantId, documents: [a], signal: never },
    );
    expect(unfinished.get(a.documentId)?.reason).toBe("budget");
    expect(fake.now()).toBe(0);
  });

  test("is no longer waited for when the work is called off", async () => {
    const end = new AbortController();
    const fake = createFake([toChunk("1", a)], {
      headroom: () => ({ retryAfterMs: 1_000 }),
      sleep: async () => end.abort(new AppError("cancelled", "over")),
    });
    await expect(embedDocuments(fake, { tenantId, documents: [a], signal: end.signal })).rejects.toThrow("over");
  });
});
