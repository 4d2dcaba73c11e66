import { noEntry } from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import { type AgentId, type ApiKeyId, isUuid, knowledgeAccesses, type TaskId, textSchema } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  entryExample,
  entryParams,
  entrySchema,
  listedEntryExample,
  listedEntrySchema,
} from "../../schemas/knowledge-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { entryIdOf } from "./entry-id-of.ts";

function idParameter<Id extends string>(description: string) {
  return z
    .string()
    .transform((text) => text.toLowerCase() as Id)
    .refine(isUuid, "must be a UUID")
    .optional()
    .openapi({ type: "string", format: "uuid", description });
}

const listQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  category: textSchema(64).optional(),
  tag: textSchema(64).optional(),
  access: z.enum(knowledgeAccesses).optional(),
  owner: idParameter<ApiKeyId>("The API key that made them."),
  task: idParameter<TaskId>("A task that they are linked to."),
  agent: idParameter<AgentId>("An agent that they are linked to."),
});

/** `GET /knowledge` */
export function listEntries({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "get",
    path: "/knowledge",
    operationId: "listEntries",
    tag: "Knowledge",
    summary: "List entries that this key sees, newest first",
    scope: "knowledge:read",
    query: listQuery,
    success: {
      status: 200,
      description: "A page, without contents.",
      data: z.array(listedEntrySchema),
      isPaged: true,
      example: [listedEntryExample],
    },
    async handle({ principal, query: { limit, cursor, ...filter } }) {
      const found = await knowledge.list(askerOf(principal), filter, { limit: limit + 1, after: cursor });
      const page = cutPage(found, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}

/** `GET /knowledge/{id}` */
export function getEntry({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "get",
    path: "/knowledge/{id}",
    operationId: "getEntry",
    tag: "Knowledge",
    summary: "Get one entry",
    scope: "knowledge:read",
    params: entryParams,
    success: { status: 200, description: "The entry.", data: entrySchema, example: entryExample },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const id = entryIdOf(params);
      const entry = await knowledge.find(askerOf(principal), id);
      if (entry === undefined) throw noEntry(id);
      return { data: entry };
    },
  });
}
