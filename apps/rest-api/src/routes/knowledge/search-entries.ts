import { askerOf } from "@devmesh/memory";
import { knowledgeSearchSchema, parseWith } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import { entryHitExample, entryHitSchema, entrySearchSchema } from "../../schemas/knowledge-schema.ts";
import { plainSearchMetaSchema, searchMetaExample } from "../../schemas/search-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { toSearchMeta } from "../search/search-meta.ts";

/** `POST /knowledge/search` */
export function searchEntries(deps: Pick<RouteDeps, "searchEntries" | "onSearch">): Route {
  return defineRoute({
    method: "post",
    path: "/knowledge/search",
    operationId: "searchEntries",
    tag: "Knowledge",
    summary: "Find what is known",
    description:
      "Entries that this key sees, best first, each once. An entry that nobody has said to have helped loses a tenth of its " +
      "score; uses count by their logarithm, and half after 90 days.",
    scope: "knowledge:read",
    body: { schema: entrySearchSchema, example: { query: "may I deploy on a Friday?" }, maxBytes: 65_536 },
    success: {
      status: 200,
      description: "What was found.",
      data: z.object({ hits: z.array(entryHitSchema) }),
      example: { hits: [entryHitExample] },
      meta: { schema: plainSearchMetaSchema, example: searchMetaExample },
    },
    errors: ["failed_precondition"],
    async handle({ principal, body, signal }) {
      const asked = parseWith(knowledgeSearchSchema, body);
      const { hits, ...how } = await deps.searchEntries(askerOf(principal), { asked, signal });
      return { data: { hits }, meta: toSearchMeta(deps, asked.mode, how) };
    },
  });
}
