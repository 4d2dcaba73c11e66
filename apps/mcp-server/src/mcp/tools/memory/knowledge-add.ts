import { createEntry } from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import { type KnowledgeId, newKnowledgeSchema, parseWith } from "@devmesh/models";
import { hashBody } from "@devmesh/tasks";
import { z } from "zod";
import { idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { entryInBrief, linkToEntry, toListedEntry } from "./entry-view.ts";
import type { MemoryToolDeps } from "./memory-tool-deps.ts";

const { title, content, category, tags, access, team } = newKnowledgeSchema.shape;
/** Defaults are left to the domain: what is hashed for an idempotency key is what was given, on every door. */
const input = newKnowledgeSchema.extend({
  title: title.describe("To be found by it alone."),
  content: content.describe("Markdown, up to 256 KiB."),
  category: category.describe("Such as incident."),
  tags: tags.unwrap().optional(),
  access: access.unwrap().optional().meta({ default: "tenant" }).describe("Who sees it; private: this key alone."),
  team: team.describe("With access team."),
  idempotencyKey: idempotencyKeyArgument("For 24 h the same key and entry give the first again."),
});
const output = z.object({
  entry: entryInBrief,
  isReplay: z.boolean(),
});

/** `knowledge_add` */
export function knowledgeAdd(deps: Pick<MemoryToolDeps, "knowledge" | "carryOverEntry" | "newId">): Tool {
  const { knowledge, carryOverEntry, newId } = deps;
  return defineTool({
    name: "knowledge_add",
    title: "Write down what is known",
    description:
      "Writes down what others should know later: a decision and why, how something works, what went wrong. Search " +
      "first: an entry that says it already is better than a second one. It stays until somebody deletes it. No " +
      "secrets.",
    scopes: ["knowledge:write"],
    annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    input,
    output,
    async call({ idempotencyKey, ...given }, { caller: { principal } }) {
      const entry = parseWith(newKnowledgeSchema, given);
      const asker = askerOf(principal);
      const key =
        idempotencyKey === undefined
          ? undefined
          : { principalId: principal.id, key: idempotencyKey, bodyHash: hashBody(given) };
      const { made, isReplay } = await createEntry(knowledge, asker, { id: newId() as KnowledgeId, entry, key });
      if (!isReplay) await carryOverEntry(asker.tenantId, made.id);
      const { content: _content, ...listed } = made;
      const answer = { entry: toListedEntry(listed), isReplay };
      return { kind: "complete", output: answer, text: JSON.stringify(answer), content: [linkToEntry(made)] };
    },
  });
}
