import type { ElicitRequestFormParams, ElicitResult } from "@modelcontextprotocol/server";

/** What a run asks a person for, by a name of its own. */
export type RunAsks = Readonly<Record<string, RunAsk>>;

/** One form. */
export interface RunAsk {
  readonly message: string;
  readonly requestedSchema: ElicitRequestFormParams["requestedSchema"];
}

/** What was answered, by the names that were asked for. */
export type RunAnswers = Readonly<Record<string, ElicitResult>>;

interface RunQuestion {
  readonly question: string;
  readonly schema: object;
}

/**
 * Writes what a run asks for as one question of its task: its answer is an object with a result of an elicitation for
 * each name, so that a person can give it at any door of the mesh, and its schema holds all that a client is shown.
 */
export function writeRunQuestion(asks: RunAsks): RunQuestion {
  const properties = Object.fromEntries(Object.entries(asks).map(([name, ask]) => [name, toProperty(ask)]));
  return {
    question: Object.values(asks)
      .map(({ message }) => message)
      .join("\n"),
    schema: { type: "object", properties, required: Object.keys(asks) },
  };
}

/** Reads the same again from the schema: it was written by {@link writeRunQuestion}. */
export function readRunQuestion(schema: unknown): RunAsks {
  const { properties } = schema as { readonly properties: Readonly<Record<string, Property>> };
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, toAsk(property)]));
}

/** The schema of the answer to one name. */
export function schemaOfAnswer(schema: unknown, name: string): unknown {
  return (schema as { readonly properties: Readonly<Record<string, Property>> }).properties[name];
}

interface Property {
  readonly description: string;
  readonly anyOf: readonly [
    { readonly properties: { readonly content: RunAsk["requestedSchema"] } },
    ...(readonly unknown[]),
  ];
}

function toProperty({ message, requestedSchema }: RunAsk): Property {
  const accepted = {
    type: "object",
    properties: { action: { const: "accept" }, content: requestedSchema },
    required: ["action", "content"],
  };
  const refused = { type: "object", properties: { action: { enum: ["decline", "cancel"] } }, required: ["action"] };
  return { description: message, anyOf: [accepted, refused] };
}

function toAsk({ description, anyOf }: Property): RunAsk {
  return { message: description, requestedSchema: anyOf[0].properties.content };
}
