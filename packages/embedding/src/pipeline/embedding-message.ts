import {
  AppError,
  type CollectionId,
  type DocumentId,
  isUuid,
  type PendingDocument,
  type TenantId,
} from "@devmesh/models";

/** Documents of one tenant that are to be embedded. */
export interface EmbeddingMessage {
  readonly tenantId: TenantId;
  readonly documents: readonly PendingDocument[];
}

/** The most documents of one message. Judgement: a hundred bytes each, and little is done again when one is lost. */
const maxDocuments = 50;

/** Cuts claimed documents into messages, each of one tenant, in the order in which tenants had their turns. */
export function toEmbeddingMessages(
  claimed: readonly (PendingDocument & { readonly tenantId: TenantId })[],
): readonly EmbeddingMessage[] {
  const open = new Map<TenantId, PendingDocument[]>();
  const messages: EmbeddingMessage[] = [];
  for (const { tenantId, collectionId, documentId, version } of claimed) {
    let documents = open.get(tenantId);
    if (documents === undefined || documents.length === maxDocuments) {
      documents = [];
      open.set(tenantId, documents);
      messages.push({ tenantId, documents });
    }
    documents.push({ collectionId, documentId, version });
  }
  return messages;
}

/** The body of a message. */
export function encodeEmbeddingMessage({ tenantId, documents }: EmbeddingMessage): string {
  return JSON.stringify({ tenantId, documents });
}

/** @throws AppError `invalid_argument`, reason `malformed_message`, saying what is wrong with the body. */
export function parseEmbeddingMessage(body: string): EmbeddingMessage {
  const { tenantId, documents } = toFields(parseJson(body));
  if (typeof tenantId !== "string" || !isUuid(tenantId)) throw malformed("tenantId is no uuid");
  if (!Array.isArray(documents)) throw malformed("documents is no list");
  return { tenantId: tenantId as TenantId, documents: documents.map(parseDocument) };
}

function parseDocument(item: unknown, index: number): PendingDocument {
  const { collectionId, documentId, version } = toFields(item);
  if (typeof collectionId !== "string" || !isUuid(collectionId)) {
    throw malformed(`documents[${index}].collectionId is no uuid`);
  }
  if (typeof documentId !== "string" || !isUuid(documentId))
    throw malformed(`documents[${index}].documentId is no uuid`);
  if (typeof version !== "number" || !Number.isSafeInteger(version)) {
    throw malformed(`documents[${index}].version is no whole number`);
  }
  return { collectionId: collectionId as CollectionId, documentId: documentId as DocumentId, version };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw malformed("the body is no JSON");
  }
}

function toFields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function malformed(problem: string): AppError {
  return new AppError("invalid_argument", `malformed embedding message: ${problem}`, { reason: "malformed_message" });
}
