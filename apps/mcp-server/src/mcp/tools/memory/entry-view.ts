import { type KnowledgeEntry, knowledgeAccesses } from "@devmesh/models";
import type { ContentBlock } from "@modelcontextprotocol/server";
import { z } from "zod";
import { uriOf } from "../../resources/resource-uri.ts";
import { timeSchema } from "../arguments.ts";

/** An entry as tools show it, without its content. */
export const listedEntrySchema = z.object({
  id: z.string(),
  title: z.string(),
  category: z.string().optional(),
  tags: z.array(z.string()),
  access: z.enum(knowledgeAccesses).describe("Who sees it: the whole tenant, one team, or its owner."),
  team: z.string().optional(),
  ownerId: z.string().describe("The API key that wrote it first."),
  version: z.int(),
  uses: z.int().describe("How often somebody said that it helped."),
  lastUsedAt: timeSchema.optional(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
});

/** An entry as tools show it. */
export const entrySchema = listedEntrySchema.extend({ content: z.string() });

type ListedEntry = Omit<KnowledgeEntry, "content">;

/** Without what the schema doesn't name. */
export function toListedEntry({ tags, ...entry }: ListedEntry): z.input<typeof listedEntrySchema> {
  return { ...entry, tags: [...tags] };
}

/** Where a client reads the entry as a resource. */
export function linkToEntry({ id, title }: Pick<ListedEntry, "id" | "title">): ContentBlock {
  return { type: "resource_link", uri: uriOf({ kind: "entry", id }), name: title, mimeType: "text/markdown" };
}
