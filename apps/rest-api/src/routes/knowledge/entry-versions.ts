import { noEntry } from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import { AppError } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cutPage, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  entryParams,
  listedVersionExample,
  listedVersionSchema,
  versionExample,
  versionSchema,
} from "../../schemas/knowledge-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { entryIdOf } from "./entry-id-of.ts";

/** Versions are 32-bit numbers. */
const maxVersion = 2_147_483_647;
const versionParams = entryParams.extend({
  version: z.string().openapi({ description: "Its number.", example: "1" }),
});

/** `GET /knowledge/{id}/versions` */
export function listEntryVersions({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "get",
    path: "/knowledge/{id}/versions",
    operationId: "listEntryVersions",
    tag: "Knowledge",
    summary: "List an entry's versions, the present one first",
    scope: "knowledge:read",
    params: entryParams,
    query: z.object({
      limit: limitParameter,
      cursor: z.string().max(200).optional().openapi({ description: "`meta.nextCursor` of the page before." }),
    }),
    success: {
      status: 200,
      description: "A page, without contents.",
      data: z.array(listedVersionSchema),
      isPaged: true,
      example: [listedVersionExample],
    },
    errors: ["not_found"],
    async handle({ principal, params, query: { limit, cursor } }) {
      const id = entryIdOf(params);
      const before = cursor === undefined ? undefined : readCursor(cursor);
      const found = await knowledge.versions(askerOf(principal), id, { limit: limit + 1, before });
      // an entry has one version at least, and the first is on the first page
      if (found.length === 0 && before === undefined) throw noEntry(id);
      const page = cutPage(found, { limit, cursorOf: ({ version }) => String(version) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}

/** `GET /knowledge/{id}/versions/{version}` */
export function getEntryVersion({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "get",
    path: "/knowledge/{id}/versions/{version}",
    operationId: "getEntryVersion",
    tag: "Knowledge",
    summary: "Get an entry as it was",
    scope: "knowledge:read",
    params: versionParams,
    success: { status: 200, description: "The version.", data: versionSchema, example: versionExample },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const id = entryIdOf(params);
      const number = params["version"] ?? "";
      if (!isVersion(number)) throw new AppError("not_found", `no version ${JSON.stringify(number.slice(0, 80))}`);
      const version = await knowledge.version(askerOf(principal), id, Number(number));
      if (version === undefined) throw noEntry(id, Number(number));
      return { data: version };
    },
  });
}

function isVersion(text: string): boolean {
  return /^[1-9]\d{0,9}$/.test(text) && Number(text) <= maxVersion;
}

function readCursor(text: string): number {
  if (isVersion(text)) return Number(text);
  const message = "cursor: is no cursor of this list";
  throw new AppError("invalid_argument", message, { details: [{ path: "cursor", message }] });
}
