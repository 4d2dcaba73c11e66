import { type Collection, type CollectionId, chunkingSchema, type DocumentWrite, type TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { type AddDocumentsDeps, addDocuments } from "./add-documents.ts";

const tenantId = "019ad9b5-6c00-7000-8000-0000000000aa" as TenantId;
const collection: Pick<Collection, "id" | "chunking" | "model"> = {
  id: "c" as CollectionId,
  chunking: chunkingSchema.parse({}),
  model: "amazon.titan-embed-text-v2:0",
};

function given(outcome: "created" | "unchanged" | "changed" = "created") {
  const written: DocumentWrite[][] = [];
  let ids = 0;
  const deps: AddDocumentsDeps = {
    newId: () => {
      ids += 1;
      return `id-${ids}`;
    },
    breathe: async () => undefined,
    documents: {
      async write(_ref, documents) {
        written.push([...documents]);
        return documents.map(({ id }) => ({ outcome, id, version: 1 }));
      },
    },
  };
  const add = (documents: readonly unknown[], other: Partial<Parameters<typeof addDocuments>[1]> = {}) =>
    addDocuments(deps, { tenantId, collection, documents, ...other });
  return { add, written };
}

const good = (externalId: string, content = "Agents pull tasks from lanes.") => ({ externalId, content });

test("cuts and writes all in one go, and answers in their order", async () => {
  const { add, written } = given();
  const results = await add([good("a"), { ...good("b.md", "# Title\n\nText."), metadata: { lang: "en" } }]);
  expect(written).toHaveLength(1);
  expect(written[0]).toMatchObject([
    { externalId: "a", metadata: {}, mediaType: undefined, chunks: [{ ordinal: 0, start: 0 }] },
    { externalId: "b.md", metadata: { lang: "en" } },
  ]);
  expect(results).toMatchObject([
    { document: { externalId: "a", outcome: "created", version: 1, chunks: 1 } },
    { document: { externalId: "b.md", outcome: "created" } },
  ]);
});

test("a bad document has its error, by index, and stops no other", async () => {
  const { add, written } = given();
  const bad: readonly (readonly [unknown, string])[] = [
    [null, "documents[1]"],
    [{ externalId: "x" }, "documents[1].content"],
    [good("x", ""), "documents[1].content: must not be empty"],
    [good("x", " \n\t"), "documents[1].content: must not be empty"],
    [good("x", "x".repeat(1_048_577)), "1048577 bytes, at most 1048576"],
    [good("x", "a\u0000b"), "U+0000"],
    [good("x", "a\ud800b"), "lone surrogate"],
    [good(""), "documents[1].externalId"],
    [good("x".repeat(513)), "documents[1].externalId"],
    [{ ...good("x"), metadata: [] }, "documents[1].metadata"],
    [{ ...good("x"), metadata: { a: Number.NaN } }, "not finite"],
    [{ ...good("x"), metadata: { a: "x".repeat(16_384) } }, "16384 bytes"],
    [{ ...good("x"), metadata: { a: "\u0000" } }, "U+0000"],
    [{ ...good("x"), mediaType: 7 }, "documents[1].mediaType"],
  ];
  for (const [item, message] of bad) {
    const results = await add([good("a"), item, good("b")]);
    expect(results).toMatchObject([
      { document: { externalId: "a" } },
      { error: { code: "invalid_argument", message: expect.stringContaining(message) } },
      { document: { externalId: "b" } },
    ]);
    expect(written.pop()?.map(({ externalId }) => externalId)).toEqual(["a", "b"]);
  }
});

test("the later of two with one external id is a conflict", async () => {
  const { add, written } = given();
  const results = await add([good("a", "one"), good("b"), good("a", "two")]);
  expect(results[2]).toMatchObject({
    error: { code: "conflict", reason: "repeated_external_id", message: expect.stringContaining("documents[0]") },
  });
  expect(written[0]?.map(({ content }) => content)).toEqual(["one", "Agents pull tasks from lanes."]);
});

test("the hash tells content, media type and cutting apart, and nothing else", async () => {
  const { add, written } = given();
  const hashOf = async (document: object, chunking = collection.chunking): Promise<string> => {
    await add([document], { collection: { ...collection, chunking } });
    return written.pop()?.[0]?.contentHash ?? "";
  };
  const first = await hashOf(good("a"));
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(await hashOf({ ...good("a"), metadata: { other: true } })).toBe(first);
  const others = [
    await hashOf(good("a", "Something else.")),
    await hashOf({ ...good("a"), mediaType: "text/markdown" }),
    await hashOf(good("a"), { ...collection.chunking, maxTokens: 100 }),
    await hashOf(good("a"), { ...collection.chunking, overlapTokens: 0 }),
    await hashOf(good("a"), { ...collection.chunking, mode: "code" }),
  ];
  expect(new Set([first, ...others]).size).toBe(6);
});

test("none, or more than 1,000, are refused as a whole; a thousand bad ones write nothing", async () => {
  const { add, written } = given();
  await expect(add([])).rejects.toMatchObject({
    code: "invalid_argument",
    message: "0 documents: there must be 1 to 1000",
  });
  await expect(add(Array(1_001).fill({}))).rejects.toMatchObject({ code: "invalid_argument" });
  expect(await add(Array(1_000).fill({}))).toHaveLength(1_000);
  expect(written).toEqual([]);
});

test("one that somebody else changed since the import began is a conflict, named as the import names it", async () => {
  const { add } = given("changed");
  const [result] = await add([good("a")], { nameItem: (index) => `line ${index + 1}` });
  expect(result).toMatchObject({
    error: { code: "conflict", reason: "document_changed", message: expect.stringMatching(/^line 1: .*"a"/) },
  });
});

test("a chunk is no longer than the model takes", async () => {
  const { add, written } = given();
  const content = "Agents pull tasks from lanes. ".repeat(400);
  const chunking = { ...collection.chunking, maxTokens: 1_500 };
  const longest = async (model: string): Promise<number> => {
    await add([good("a", content)], { collection: { ...collection, chunking, model } });
    return Math.max(...(written.pop()?.[0]?.chunks.map((chunk) => chunk.content.length) ?? []));
  };
  expect(await longest("cohere.embed-english-v3")).toBeLessThanOrEqual(2_048);
  expect(await longest("amazon.titan-embed-text-v2:0")).toBeGreaterThan(2_048);
});
