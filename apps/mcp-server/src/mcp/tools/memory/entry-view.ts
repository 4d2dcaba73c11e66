import { type KnowledgeEntry, knowledgeAccesses } from "@devmesh/models";
import type { ContentBlock } from "@modelcontextprotocol/server";
import { z } from "zod";
import { uriOf } from "../../resources/resource-uri.ts";
import { timeSchema } from "../arguments.ts";
import { inBrief } from "../in-brief.ts";

/** An entry as tools show it, without its content. */
const listedEntrySchema = z.object({
  id: z.string(),
  title: z.string(),
  category: z.string().optional(),
  tags: z.array(z.string()),
  access: z.enum(knowledgeAccesses),
  team: z.string().optional(),
  ownerId: z.string(),
  version: z.int(),
  uses: z.int(),
  lastUsedAt: timeSchema.optional(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
});

/** What a search lists of it. */
export const foundEntry = inBrief(listedEntrySchema, [
  ...(["id", "title", "category", "tags", "access", "team", "version", "updatedAt"] as const),
]);

/** What is listed of it where another tool shows it whole. */
export const entryInBrief = inBrief(listedEntrySchema, ["id", "version"], "knowledge_search");

/** An entry as tools show it. */
export const entrySchema = inBrief(
  listedEntrySchema.extend({ content: z.string() }),
  ["id", "title", "content"],
  "knowledge_search",
);

type ListedEntry = Omit<KnowledgeEntry, "content">;

/** Without what the schema doesn't name. */
export function toListedEntry({ tags, ...entry }: ListedEntry): z.input<typeof listedEntrySchema> {
  return { ...entry, tags: [...tags] };
}

/** Where a client reads the entry as a resource. */
export function linkToEntry({ id, title }: Pick<ListedEntry, "id" | "title">): ContentBlock {
  return { type: "resource_link", uri: uriOf({ kind: "entry", id }), name: title, mimeType: "text/markdown" };
}
