import { noEntry } from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import {
  type AgentId,
  AppError,
  isUuid,
  type KnowledgeTarget,
  knowledgeLinkSchema,
  knowledgeRelationSchema,
  knowledgeTargets,
  maxKnowledgeLinks,
  parseId,
  parseWith,
  type TaskId,
} from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import { entryParams, linkExample, linkSchema, newLinkExample, newLinkSchema } from "../../schemas/knowledge-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { entryIdOf } from "./entry-id-of.ts";

const success = {
  status: 200,
  description: "All of the entry's links, those of uses last.",
  data: z.array(linkSchema),
  example: [linkExample],
} as const;
const linkParams = entryParams.extend({
  target: z.string().openapi({ description: "`task` or `agent`.", example: "task" }),
  targetId: z.string().openapi({ description: "The task's or the agent's id.", example: newLinkExample.id }),
});

/** `GET /knowledge/{id}/links` */
export function listEntryLinks({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "get",
    path: "/knowledge/{id}/links",
    operationId: "listEntryLinks",
    tag: "Knowledge",
    summary: "List the tasks and agents that an entry is linked to",
    description: "Those that somebody made, the latest first; then up to 100 of tasks that the entry was of use to.",
    scope: "knowledge:read",
    params: entryParams,
    success,
    errors: ["not_found"],
    async handle({ principal, params }) {
      const id = entryIdOf(params);
      const asker = askerOf(principal);
      if ((await knowledge.find(asker, id)) === undefined) throw noEntry(id);
      return { data: await knowledge.links(asker, id) };
    },
  });
}

/** `POST /knowledge/{id}/links` */
export function linkEntry({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "post",
    path: "/knowledge/{id}/links",
    operationId: "linkEntry",
    tag: "Knowledge",
    summary: "Link an entry to a task or an agent",
    description: `A link that is there already stays. At most ${maxKnowledgeLinks} links an entry, uses not counted.`,
    scope: "knowledge:write",
    params: entryParams,
    body: { schema: newLinkSchema, example: newLinkExample, maxBytes: 16_384 },
    success,
    errors: ["not_found", "failed_precondition"],
    async handle({ principal, params, body }) {
      const id = entryIdOf(params);
      const asker = askerOf(principal);
      const { target, id: named, relation } = parseWith(knowledgeLinkSchema, body);
      const targetId = named.toLowerCase();
      if ((await knowledge.find(asker, id)) === undefined) throw noEntry(id);
      if (!isUuid(targetId)) throw noTarget(target, named);
      const outcome = await knowledge.link(asker, id, { target, id: targetId as TaskId | AgentId, relation });
      if (outcome === "missing") throw noTarget(target, named);
      if (outcome === "full") {
        const message = `entry ${id} has ${maxKnowledgeLinks} links already, the most it may`;
        throw new AppError("failed_precondition", message);
      }
      return { data: await knowledge.links(asker, id) };
    },
  });
}

/** `DELETE /knowledge/{id}/links/{target}/{targetId}` */
export function unlinkEntry({ knowledge }: Pick<RouteDeps, "knowledge">): Route {
  return defineRoute({
    method: "delete",
    path: "/knowledge/{id}/links/{target}/{targetId}",
    operationId: "unlinkEntry",
    tag: "Knowledge",
    summary: "Remove a link",
    scope: "knowledge:write",
    params: linkParams,
    query: z.object({ relation: knowledgeRelationSchema }),
    success,
    errors: ["not_found"],
    async handle({ principal, params, query: { relation } }) {
      const id = entryIdOf(params);
      const asker = askerOf(principal);
      const target = knowledgeTargets.find((one) => one === params["target"]);
      if (target === undefined) throw noLink();
      const targetId = parseId<TaskId | AgentId>(params["targetId"] ?? "", target);
      if (!(await knowledge.unlink(asker, id, { target, id: targetId, relation }))) throw noLink();
      return { data: await knowledge.links(asker, id) };
    },
  });
}

function noTarget(target: KnowledgeTarget, named: string): AppError {
  const message = `id: no ${target} ${JSON.stringify(named.slice(0, 80))}`;
  return new AppError("invalid_argument", message, { details: [{ path: "id", message }] });
}

function noLink(): AppError {
  return new AppError("not_found", "no such link");
}
