import { createEntry } from "@devmesh/embedding";
import { askerOf } from "@devmesh/memory";
import { type KnowledgeId, newKnowledgeSchema, parseWith } from "@devmesh/models";
import { hashBody } from "@devmesh/tasks";
import { z } from "zod";
import { idempotencyKeyArgument } from "../arguments.ts";
import { defineTool, type Tool } from "../tool.ts";
import { linkToEntry, listedEntrySchema, toListedEntry } from "./entry-view.ts";
import type { MemoryToolDeps } from "./memory-tool-deps.ts";

const { title, content, category, tags, access, team } = newKnowledgeSchema.shape;
/** Defaults are left to the domain: what is hashed for an idempotency key is what was given, on every door. */
const input = newKnowledgeSchema.extend({
  title: title.describe("What it is about, so that somebody finds it by the title alone; at most 300 characters."),
  content: content.describe("Markdown, at most 256 KiB. Say what is so and why, for a reader who was not there."),
  category: category.describe("Such as `process` or `incident`."),
  tags: tags.unwrap().optional().describe("At most 20."),
  access: access
    .unwrap()
    .optional()
    .meta({ default: "tenant" })
    .describe("Who sees it: the whole tenant, one team, or this key alone."),
  team: team.describe("For the access team, where your key names none."),
  idempotencyKey: idempotencyKeyArgument(
    "Give one if the call may be sent again: within 24 h the same key and entry answer with the first, on every door.",
  ),
});
const output = z.object({
  entry: listedEntrySchema,
  isReplay: z.boolean().describe("The key was used before, and this is the entry of then."),
});

/** `knowledge_add` */
export function knowledgeAdd(deps: Pick<MemoryToolDeps, "knowledge" | "carryOverEntry" | "newId">): Tool {
  const { knowledge, carryOverEntry, newId } = deps;
  return defineTool({
    name: "knowledge_add",
    title: "Write down what is known",
    description:
      "Writes down what others should know later: a decision and its reasons, how something works, what went wrong. It stays " +
      "until somebody deletes it; it is found by its words at once, by its meaning moments later. Search first: an entry that " +
      "says it already is better than a second one. No secrets.",
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
