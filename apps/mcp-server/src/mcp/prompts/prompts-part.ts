import { completable, type GetPromptResult } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Caller } from "../caller.ts";
import { completeResource } from "../resources/complete-resource.ts";
import type { ResourceDeps } from "../resources/resource-deps.ts";
import type { ServerPart } from "../server/server-part.ts";
import { allGuides } from "./all-guides.ts";
import type { Guide, GuideArgument } from "./guide.ts";

/** What arguments are completed from. */
export type PromptDeps = Pick<ResourceDeps, "taskReads" | "agents" | "knowledge">;

/** An argument is a sentence, or two. Judgement. */
const maxArgument = 4_000;

/** The guides as prompts. Whoever gives one an argument puts it into the text: it is the user's own word. */
export function promptsPart(deps: PromptDeps): ServerPart {
  return {
    capabilities: { prompts: { listChanged: false }, completions: {} },
    register(server, caller) {
      for (const guide of allGuides) {
        const { name, title, description } = guide;
        const argsSchema = z.object(
          Object.fromEntries(guide.arguments.map((argument) => [argument.name, toSchema(deps, caller, argument)])),
        );
        server.registerPrompt(name, { title, description, argsSchema }, (given) => toPrompt(guide, given));
      }
    },
  };
}

/** The guide with what it was told. */
export function toPrompt(guide: Guide, given: Readonly<Record<string, unknown>>): GetPromptResult {
  const told = guide.arguments.flatMap(({ name }) => {
    const value = given[name];
    return typeof value === "string" && value.trim() !== "" ? [`- ${name}: ${JSON.stringify(value)}`] : [];
  });
  const asked = told.length === 0 ? "" : `\n\n## This time\n\n${told.join("\n")}`;
  const text = `# ${guide.title}\n\n${guide.text}${asked}`;
  return { description: guide.description, messages: [{ role: "user", content: { type: "text", text } }] };
}

function toSchema(deps: PromptDeps, { principal }: Caller, argument: GuideArgument) {
  const { description, isRequired, completes: kind } = argument;
  const plain = z.string().max(maxArgument).describe(description);
  const text =
    kind === undefined
      ? plain
      : completable(plain, async (typed) => {
          const escaped = encodeURIComponent((typed ?? "").toWellFormed());
          const values = await completeResource(deps, principal, { kind, typed: escaped });
          return values.map(decodeURIComponent);
        });
  return isRequired ? text : text.optional();
}
