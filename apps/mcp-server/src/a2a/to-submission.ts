import { Message, type Part } from "@a2a-js/sdk";
import { RequestMalformedError, UnsupportedOperationError } from "@a2a-js/sdk/errors";
import { type Agent, toStorable } from "@devmesh/models";
import { agentLabel, contextLabel } from "./labels.ts";

/** A title may have 200 UTF-16 units, and a character has up to two. */
const maxTitleCharacters = 100;

/**
 * A message as the task that it begins: for this one agent, of the type that `metadata.skill` names, else of the agent's
 * first capability. A message of one part of data alone is that data's task; any other has its text, and itself, as input.
 *
 * @throws RequestMalformedError for a skill that the agent does not have; UnsupportedOperationError for an agent without
 * any.
 */
export function toSubmission(message: Message, agent: Agent, contextId: string): Readonly<Record<string, unknown>> {
  const title = titleOf(message.parts);
  return {
    type: skillOf(message, agent),
    ...(title !== "" && { title }),
    requirements: { agent: agent.id },
    input: toInput({ ...message, contextId }),
    labels: [agentLabel(agent), contextLabel(contextId)],
  };
}

/** What a message answers to a question: its data where there is one part of data, else its texts. */
export function toAnswer({ parts }: Message): unknown {
  const [data, ...more] = parts.flatMap(({ content }) => (content?.$case === "data" ? [content.value] : []));
  return data !== undefined && more.length === 0 ? data : textOf(parts);
}

/** Agents that know nothing of A2A find their input as through other doors: data as it is, text under `text`. */
function toInput(message: Message): unknown {
  const [only, ...more] = message.parts;
  if (only?.content?.$case === "data" && more.length === 0) return only.content.value;
  const text = textOf(message.parts);
  return { ...(text !== "" && { text }), message: Message.toJSON(message) };
}

function skillOf({ metadata }: Message, { name, capabilities }: Agent): string {
  const asked: unknown = metadata?.["skill"];
  const [first] = capabilities;
  if (first === undefined) throw new UnsupportedOperationError(`agent ${name} has no capabilities`);
  if (asked === undefined) return first.name;
  const found = capabilities.find((one) => one.name === asked);
  if (found !== undefined) return found.name;
  const names = capabilities.map((one) => one.name).join(", ");
  throw new RequestMalformedError(`agent ${name} has no skill ${JSON.stringify(asked)}, it has ${names}`);
}

/** The first line of the text, cut between characters. */
function titleOf(parts: readonly Part[]): string {
  const [line = ""] = textOf(parts).trim().split("\n", 1);
  return [...toStorable(line.trim())].slice(0, maxTitleCharacters).join("");
}

function textOf(parts: readonly Part[]): string {
  return parts.flatMap(({ content }) => (content?.$case === "text" ? [content.value] : [])).join("\n");
}
