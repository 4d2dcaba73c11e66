import { randomUUID } from "node:crypto";
import type { CollectionId, DocumentId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { encodeEmbeddingMessage, parseEmbeddingMessage, toEmbeddingMessages } from "./embedding-message.ts";

const claim = (tenantId: TenantId) => ({
  tenantId,
  collectionId: randomUUID() as CollectionId,
  documentId: randomUUID() as DocumentId,
  version: 2,
});

test("each message is of one tenant and fifty documents at most, in the order of their turns", () => {
  const [a, b] = [randomUUID() as TenantId, randomUUID() as TenantId];
  const claimed = [claim(a), claim(b), ...Array.from({ length: 60 }, () => claim(a)), claim(b)];
  const messages = toEmbeddingMessages(claimed);
  expect(messages.map(({ tenantId, documents }) => [tenantId, documents.length])).toEqual([
    [a, 50],
    [b, 2],
    [a, 11],
  ]);
  expect(messages.flatMap(({ documents }) => documents)).toHaveLength(claimed.length);
  const [first] = messages;
  if (first === undefined) throw new Error("no message");
  expect(parseEmbeddingMessage(encodeEmbeddingMessage(first))).toEqual(first);
});

const id = "019a0000-0000-7000-8000-000000000001";

test.each([
  ["no JSON", "the body is no JSON"],
  ["null", "tenantId is no uuid"],
  [JSON.stringify({ tenantId: id }), "documents is no list"],
  [JSON.stringify({ tenantId: id, documents: [1] }), "documents[0].collectionId is no uuid"],
  [JSON.stringify({ tenantId: id, documents: [{ collectionId: id }] }), "documents[0].documentId is no uuid"],
  [
    JSON.stringify({ tenantId: id, documents: [{ collectionId: id, documentId: id, version: "1" }] }),
    "documents[0].version is no whole number",
  ],
])("refuses the body %s for good", (body, problem) => {
  expect(() => parseEmbeddingMessage(body)).toThrow(
    expect.objectContaining({ code: "invalid_argument", message: `malformed embedding message: ${problem}` }),
  );
});
