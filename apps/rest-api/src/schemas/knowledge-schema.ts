import {
  knowledgeAccesses,
  knowledgeLinkSchema as knowledgeLink,
  knowledgeRelations,
  knowledgeRestoreSchema as knowledgeRestore,
  knowledgeSearchSchema as knowledgeSearch,
  knowledgeTargets,
  knowledgeUpdateSchema as knowledgeUpdate,
  knowledgeUseSchema as knowledgeUse,
  newKnowledgeSchema as newKnowledge,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";

const timeSchema = z.iso.datetime().meta({ description: "RFC 3339, UTC, with milliseconds." });
const exampleId = "019ad9b5-6c00-7000-8000-000000000031";
const exampleKeyId = "019ad9b5-6c00-7000-8000-0000000000f1";
const exampleTaskId = "019ad9b5-6c00-7000-8000-000000000001";
const exampleTime = "2026-11-30T00:00:00.000Z";

/** An id in a path. What is no id names nothing, and is answered as `not_found`. */
export const entryParams = z.object({ id: z.string().openapi({ description: "Its id.", example: exampleId }) });

/** For the document: what `POST /knowledge` takes. */
export const newEntrySchema = newKnowledge.meta({ id: "NewKnowledge" });
/** For the document: what `PATCH /knowledge/{id}` takes. */
export const entryUpdateSchema = knowledgeUpdate.meta({ id: "KnowledgeUpdate" });
/** For the document: what `POST /knowledge/{id}/restore` takes. */
export const entryRestoreSchema = knowledgeRestore.meta({ id: "KnowledgeRestore" });
/** For the document: what `POST /knowledge/{id}/links` takes. */
export const newLinkSchema = knowledgeLink.meta({ id: "NewKnowledgeLink" });
/** For the document: what `POST /knowledge/{id}/use` takes. */
export const entryUseSchema = knowledgeUse.meta({ id: "KnowledgeUse" });
/** For the document: what `POST /knowledge/search` takes. */
export const entrySearchSchema = knowledgeSearch.meta({ id: "KnowledgeSearch" });

const text = { title: z.string(), category: z.string().optional(), tags: z.array(z.string()) };
const seen = {
  access: z.enum(knowledgeAccesses),
  team: z.string().optional().meta({ description: "Where the access is `team`." }),
};

const listed = {
  id: z.uuid(),
  ...text,
  ...seen,
  ownerId: z.uuid().meta({ description: "The API key that made it." }),
  version: z.int().min(1),
  uses: z.int().min(0).meta({ description: "How often somebody said that it helped." }),
  lastUsedAt: timeSchema.optional(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
};

/** For the document: {@link import("@devmesh/models").KnowledgeEntry}, without its content. */
export const listedEntrySchema = z.object(listed).meta({ id: "ListedKnowledge" });
/** For the document: {@link import("@devmesh/models").KnowledgeEntry}. */
export const entrySchema = z.object({ ...listed, content: z.string() }).meta({ id: "KnowledgeEntry" });

const version = { version: z.int().min(1), ...text, ...seen, editorId: z.uuid(), at: timeSchema };
/** For the document: {@link import("@devmesh/models").KnowledgeVersion}, without its content. */
export const listedVersionSchema = z.object(version).meta({ id: "ListedKnowledgeVersion" });
/** For the document: {@link import("@devmesh/models").KnowledgeVersion}. */
export const versionSchema = z.object({ ...version, content: z.string() }).meta({ id: "KnowledgeVersion" });

/** For the document: {@link import("@devmesh/models").KnowledgeLink}. */
export const linkSchema = z
  .object({ target: z.enum(knowledgeTargets), id: z.uuid(), relation: z.enum(knowledgeRelations), at: timeSchema })
  .meta({ id: "KnowledgeLink" });

const rankSchema = z.object({ rank: z.int().min(1), score: z.number() });

/** For the document: {@link import("@devmesh/models").KnowledgeHit}. */
export const entryHitSchema = z
  .object({
    entry: listedEntrySchema,
    score: z.number(),
    ranks: z.object({ vector: rankSchema.optional(), text: rankSchema.optional() }),
    content: z.string().meta({ description: "The chunk of the entry that fits best." }),
    position: z.object({
      ordinal: z.int().min(0),
      start: z.int().min(0).meta({ description: "In the entry's title, two line ends, and its content, after `# `." }),
      end: z.int().min(0),
      heading: z.string().optional(),
    }),
  })
  .meta({ id: "KnowledgeHit" });

export const newEntryExample = {
  title: "Deploys wait on Fridays",
  content: "Nothing is deployed after Friday noon: nobody is there to see it fail.",
  category: "process",
  tags: ["deploy"],
};
const exampleText = { title: newEntryExample.title, category: "process", tags: ["deploy"], access: "tenant" };
const { content } = newEntryExample;
export const listedEntryExample = {
  ...{ id: exampleId, ...exampleText, ownerId: exampleKeyId, version: 2, uses: 7, lastUsedAt: exampleTime },
  ...{ createdAt: exampleTime, updatedAt: exampleTime },
};
export const entryExample = { ...listedEntryExample, content };
export const listedVersionExample = { version: 1, ...exampleText, editorId: exampleKeyId, at: exampleTime };
export const versionExample = { ...listedVersionExample, content };
export const newLinkExample = { target: "task", id: exampleTaskId, relation: "source" };
export const linkExample = { ...newLinkExample, at: exampleTime };
export const entryHitExample = {
  entry: listedEntryExample,
  score: 0.87,
  ranks: { vector: { rank: 1, score: 0.71 }, text: { rank: 2, score: 0.4 } },
  content: `# ${newEntryExample.title}\n\n${content}`,
  position: { ordinal: 0, start: 0, end: 97, heading: newEntryExample.title },
};
