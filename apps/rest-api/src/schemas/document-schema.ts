import { documentStates, maxDocuments, newDocumentSchema } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { collectionParams } from "./collection-schema.ts";
import { errorBodySchema } from "./error-schema.ts";

const exampleId = "019ad9b5-6c00-7000-8000-000000000032";

/** A document in a path. */
export const documentParams = collectionParams.extend({
  documentId: z
    .string()
    .openapi({ description: "The document's id, or its external id (but for `delete`).", example: exampleId }),
});

/** For the document: what `POST /collections/{id}/documents` takes. */
export const newDocumentsSchema = z
  .object({
    documents: z
      .array(newDocumentSchema.meta({ id: "NewDocument" }))
      .min(1)
      .max(maxDocuments),
  })
  .meta({ id: "NewDocuments" });

/** For the document: {@link import("@devmesh/models").StoredDocument}. */
export const documentSchema = z
  .object({
    id: z.uuid(),
    collectionId: z.uuid(),
    externalId: z.string(),
    mediaType: z.string().optional(),
    metadata: z.record(z.string(), z.unknown()),
    state: z.enum(documentStates).meta({
      description: "`pending`: found by text, and not yet by vector. `failed`: its embedding was given up.",
    }),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    version: z.int().min(1).meta({ description: "Rises with every change of content or metadata." }),
    chunks: z.int().min(0),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    content: z.string().optional().meta({ description: "Left out of lists." }),
  })
  .meta({ id: "Document" });

/** For the document: what became of one document of a request. */
export const documentResultSchema = z
  .union([
    z.object({
      document: z.object({
        id: z.uuid(),
        externalId: z.string(),
        outcome: z.enum(["created", "updated", "unchanged"]),
        version: z.int().min(1),
        chunks: z.int().min(0),
      }),
    }),
    z.object({ error: errorBodySchema }),
  ])
  .meta({ id: "DocumentResult" });

export const newDocumentsExample = {
  documents: [
    {
      externalId: "docs/architecture.md",
      content: "# Architecture\n\nDevmesh hands tasks to agents and records what they give back.",
      metadata: { lang: "en", year: 2026 },
    },
  ],
};
export const documentResultExample = {
  document: { id: exampleId, externalId: "docs/architecture.md", outcome: "created", version: 1, chunks: 12 },
};
export const listedDocumentExample = {
  id: exampleId,
  collectionId: "019ad9b5-6c00-7000-8000-000000000031",
  externalId: "docs/architecture.md",
  metadata: { lang: "en", year: 2026 },
  state: "indexed",
  version: 1,
  chunks: 12,
  createdAt: "2026-11-30T00:00:00.000Z",
  updatedAt: "2026-11-30T00:00:00.000Z",
};
export const documentExample = {
  ...listedDocumentExample,
  content: "# Architecture\n\nDevmesh hands tasks to agents and records what they give back.",
};
