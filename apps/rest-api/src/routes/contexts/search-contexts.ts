import type { SearchTerms } from "@devmesh/embedding";
import {
  type ContextId,
  isUuid,
  type Metadata,
  type MetadataFilter,
  parseFilter,
  parseWith,
  type SearchHit,
  searchRequestSchema,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import { plainSearchMetaSchema, searchMetaExample } from "../../schemas/search-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { toSearchMeta } from "../search/search-meta.ts";

const searchSchema = searchRequestSchema
  .omit({ collections: true, explain: true })
  .extend({
    contexts: z
      .array(z.string().refine((id) => isUuid(id.toLowerCase()), "must be a context id"))
      .min(1)
      .max(100)
      .optional()
      .meta({ description: "These alone; all of the tenant's where it is absent." }),
  })
  .meta({ id: "ContextSearch" });

const hitSchema = z
  .object({
    contextId: z.uuid(),
    name: z.string(),
    score: z.number().meta({ description: "0 to 1, comparable within one answer." }),
    ranks: z.record(z.string(), z.object({ rank: z.int(), score: z.number() })),
    content: z.string(),
    position: z.object({
      startByte: z
        .int()
        .meta({ description: "Where the part of the object begins that `start` and `end` count from." }),
      start: z.int().meta({ description: "In UTF-16 units, as `end`." }),
      end: z.int(),
      heading: z.string().optional(),
    }),
    metadata: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "ContextHit", description: "A piece of a context that was found." });

const hitExample = {
  contextId: "019ad9b5-6c00-7000-8000-000000000021",
  name: "incident.md",
  score: 0.93,
  ranks: { text: { rank: 1, score: 0.41 }, vector: { rank: 1, score: 0.78 } },
  content: "The migration took an exclusive lock on the ledger for nine minutes.",
  position: { startByte: 0, start: 412, end: 480, heading: "What happened" },
  metadata: { service: "billing" },
};

/** `POST /contexts/search` */
export function searchContexts(deps: Pick<RouteDeps, "searchContexts" | "contexts" | "onSearch">): Route {
  return defineRoute({
    method: "post",
    path: "/contexts/search",
    operationId: "searchContexts",
    tag: "Contexts",
    summary: "Search what contexts say",
    description:
      "Of each context of text the first 4 MiB. A filter sees `contextId`, `name`, `mediaType` and `metadata`, such as " +
      '`{"field": "metadata.service", "eq": "billing"}`.',
    scope: "contexts:read",
    body: { schema: searchSchema, example: { query: "what locked the ledger" }, maxBytes: 262_144 },
    success: {
      status: 200,
      description: "What was found, best first.",
      data: z.object({ hits: z.array(hitSchema) }),
      example: { hits: [hitExample] },
      meta: { schema: plainSearchMetaSchema, example: searchMetaExample },
    },
    errors: ["failed_precondition"],
    async handle({ principal: { tenantId }, body, signal }) {
      const terms = toTerms(body);
      const { hits, ...how } = await deps.searchContexts(tenantId, terms, signal);
      const found = hits.flatMap((hit) => toHit(hit) ?? []);
      const readable = await deps.contexts.findReady(tenantId, [...new Set(found.map(({ contextId }) => contextId))]);
      const shown = found.filter(({ contextId }) => readable.has(contextId));
      return { data: { hits: shown }, meta: toSearchMeta(deps, terms.mode, how) };
    },
  });
}

function toTerms(body: unknown): SearchTerms {
  const { contexts, filter, ...request } = parseWith(searchSchema, body);
  const filters: MetadataFilter[] = [];
  if (filter !== undefined) filters.push(parseFilter(filter));
  if (contexts !== undefined) {
    filters.push({ op: "in", path: ["contextId"], values: contexts.map((id) => id.toLowerCase()) });
  }
  const [first, ...others] = filters;
  const all = others.length === 0 ? first : ({ op: "and", filters } as const);
  return { ...request, explain: false, filter: all };
}

interface ContextHit {
  readonly contextId: ContextId;
  readonly [member: string]: unknown;
}

function toHit({ score, ranks, content, position, metadata }: SearchHit): ContextHit | undefined {
  const { contextId, name, startByte, metadata: own } = metadata as Metadata & { readonly contextId?: ContextId };
  if (contextId === undefined) return undefined;
  const { start, end, heading } = position;
  const place = { startByte, start, end, ...(heading !== undefined && { heading }) };
  return { contextId, name, score, ranks, content, position: place, metadata: own };
}
