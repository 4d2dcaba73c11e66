import {
  createEntry as create,
  deleteEntry as remove,
  restoreEntry as restore,
  updateEntry as update,
} from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import {
  type KnowledgeId,
  knowledgeRestoreSchema,
  knowledgeUpdateSchema,
  newKnowledgeSchema,
  parseWith,
} from "@devmesh/models";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import {
  entryExample,
  entryParams,
  entryRestoreSchema,
  entrySchema,
  entryUpdateSchema,
  newEntryExample,
  newEntrySchema,
} from "../../schemas/knowledge-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { entryIdOf } from "./entry-id-of.ts";

const maxBodyBytes = 1_048_576;
const conflicts =
  "`version` is the one that was read: where there is a later one by now, the answer is `conflict`, reason `stale_version`.";

type Deps = Pick<RouteDeps, "knowledge" | "carryOverEntry">;

/** `POST /knowledge` */
export function createEntry({ knowledge, carryOverEntry, newId }: Deps & Pick<RouteDeps, "newId">): Route {
  return defineRoute({
    method: "post",
    path: "/knowledge",
    operationId: "createEntry",
    tag: "Knowledge",
    summary: "Write down what is known",
    description: "Found by its words at once, and by its meaning moments later.",
    scope: "knowledge:write",
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newEntrySchema, example: newEntryExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The entry.",
      data: entrySchema,
      example: entryExample,
      headers: {
        Location: "Where the entry is.",
        "Idempotent-Replay": "`true` where this is the stored first answer.",
      },
    },
    errors: ["conflict"],
    async handle({ principal, headers, body }) {
      const entry = parseWith(newKnowledgeSchema, body);
      const key = readRequestKey({ principal, headers, body });
      const asker = askerOf(principal);
      const { made, isReplay } = await create(knowledge, asker, { id: newId() as KnowledgeId, entry, key });
      if (!isReplay) await carryOverEntry(asker.tenantId, made.id);
      const location = `/api/v1/knowledge/${made.id}`;
      return { status: 201, data: made, headers: { location, ...(isReplay && { "idempotent-replay": "true" }) } };
    },
  });
}

/** `PATCH /knowledge/{id}` */
export function updateEntry({ knowledge, carryOverEntry }: Deps): Route {
  return defineRoute({
    method: "patch",
    path: "/knowledge/{id}",
    operationId: "updateEntry",
    tag: "Knowledge",
    summary: "Write an entry's next version",
    description: `Whoever sees an entry may change what it says; \`access\` and \`team\`, its owner and admins alone. ${conflicts}`,
    scope: "knowledge:write",
    params: entryParams,
    body: { schema: entryUpdateSchema, example: { version: 1, tags: ["deploy", "friday"] }, maxBytes: maxBodyBytes },
    success: { status: 200, description: "The entry.", data: entrySchema, example: entryExample },
    errors: ["not_found", "conflict"],
    async handle({ principal, params, body }) {
      const id = entryIdOf(params);
      const asker = askerOf(principal);
      const entry = await update(knowledge, asker, { id, update: parseWith(knowledgeUpdateSchema, body) });
      await carryOverEntry(asker.tenantId, id);
      return { data: entry };
    },
  });
}

/** `POST /knowledge/{id}/restore` */
export function restoreEntry({ knowledge, carryOverEntry }: Deps): Route {
  return defineRoute({
    method: "post",
    path: "/knowledge/{id}/restore",
    operationId: "restoreEntry",
    tag: "Knowledge",
    summary: "Write an earlier version anew",
    description: `Who sees the entry stays as it is. ${conflicts}`,
    scope: "knowledge:write",
    params: entryParams,
    body: { schema: entryRestoreSchema, example: { version: 2, restore: 1 }, maxBytes: maxBodyBytes },
    success: {
      status: 200,
      description: "The entry, with one version more.",
      data: entrySchema,
      example: entryExample,
    },
    errors: ["not_found", "conflict"],
    async handle({ principal, params, body }) {
      const id = entryIdOf(params);
      const asker = askerOf(principal);
      const entry = await restore(knowledge, asker, { id, ...parseWith(knowledgeRestoreSchema, body) });
      await carryOverEntry(asker.tenantId, id);
      return { data: entry };
    },
  });
}

/** `DELETE /knowledge/{id}` */
export function deleteEntry({ knowledge, carryOverEntry }: Deps): Route {
  return defineRoute({
    method: "delete",
    path: "/knowledge/{id}",
    operationId: "deleteEntry",
    tag: "Knowledge",
    summary: "Delete an entry, with all of its versions",
    description: "For its owner and admins.",
    scope: "knowledge:write",
    params: entryParams,
    success: { status: 200, description: "The entry as it was last.", data: entrySchema, example: entryExample },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const id = entryIdOf(params);
      const asker = askerOf(principal);
      const entry = await remove(knowledge, asker, id);
      await carryOverEntry(asker.tenantId, id);
      return { data: entry };
    },
  });
}
