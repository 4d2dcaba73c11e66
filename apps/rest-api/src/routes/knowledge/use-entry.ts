import { noEntry } from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import { AppError, isUuid, knowledgeUseSchema, parseWith, type TaskId } from "@devmesh/models";
import { defineRoute, type Route } from "../../http/route.ts";
import { entryExample, entryParams, entrySchema, entryUseSchema } from "../../schemas/knowledge-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { entryIdOf } from "./entry-id-of.ts";

/** `POST /knowledge/{id}/use` */
export function useEntry({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "post",
    path: "/knowledge/{id}/use",
    operationId: "useEntry",
    tag: "Knowledge",
    summary: "Say that an entry helped",
    description: "Entries that help are found a little earlier. With `taskId` it counts once a task.",
    scope: "knowledge:write",
    params: entryParams,
    body: { schema: entryUseSchema, example: {}, maxBytes: 16_384, isOptional: true },
    success: { status: 200, description: "The entry.", data: entrySchema, example: entryExample },
    errors: ["not_found"],
    async handle({ principal, params, body }) {
      const id = entryIdOf(params);
      const { taskId } = parseWith(knowledgeUseSchema, body ?? {});
      const folded = taskId?.toLowerCase();
      if (folded !== undefined && !isUuid(folded)) throw noTask(folded);
      const entry = await knowledge.use(askerOf(principal), id, folded as TaskId | undefined);
      if (entry === "missing") throw noTask(folded ?? "");
      if (entry === undefined) throw noEntry(id);
      return { data: entry };
    },
  });
}

function noTask(named: string): AppError {
  const message = `taskId: no task ${JSON.stringify(named.slice(0, 80))}`;
  return new AppError("invalid_argument", message, { details: [{ path: "taskId", message }] });
}
