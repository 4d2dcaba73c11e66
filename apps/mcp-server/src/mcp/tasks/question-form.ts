import { AppError, type TaskQuestion } from "@devmesh/models";
import { type ElicitRequestFormParams, type ElicitResult, isSpecType } from "@modelcontextprotocol/server";

type Form = ElicitRequestFormParams["requestedSchema"];
type Field = Form["properties"][string];

/** How the answer to a question is shown as a form, and read out of it. */
interface Shape {
  readonly form: Form;
  read(content: Readonly<Record<string, unknown>>): unknown;
}

/**
 * The form by which a client asks a person the question of an agent. Forms are flat objects: a schema that is one is
 * shown as it is; one of a single value as a field `answer`; for any other the field takes JSON, and without a schema text.
 */
export function toForm({ question, schema }: Pick<TaskQuestion, "question" | "schema">): ElicitRequestFormParams {
  return { mode: "form", message: question, requestedSchema: shapeOf(schema).form };
}

/**
 * The answer that a person gave with the form; undefined where none was given.
 *
 * @throws AppError `invalid_argument` where a field that takes JSON holds none.
 */
export function readForm(
  { schema }: Pick<TaskQuestion, "schema">,
  { action, content }: ElicitResult,
): { readonly answer: unknown } | undefined {
  if (action !== "accept") return undefined;
  return { answer: shapeOf(schema).read(content ?? {}) };
}

function shapeOf(schema: unknown): Shape {
  const single = toField(schema);
  if (single !== undefined) return fieldOf(single);
  const form = toFlatForm(schema);
  if (form !== undefined) return { form, read: (content) => content };
  if (schema === undefined || schema === true) return fieldOf({ type: "string" });
  const description = `JSON that matches ${JSON.stringify(schema).slice(0, maxShownSchema)}`;
  return { ...fieldOf({ type: "string", description }), read: (content) => parseJson(content["answer"]) };
}

/** Of a schema that people are to read. */
const maxShownSchema = 2_000;

function fieldOf(field: Field): Shape {
  const form: Form = { type: "object", properties: { answer: field }, required: ["answer"] };
  return { form, read: (content) => content["answer"] };
}

/** What forms know of each type of field. What they don't know is left to the check of the answer. */
const keywords: Readonly<Record<string, readonly string[]>> = {
  string: ["title", "description", "minLength", "maxLength", "format", "enum", "enumNames", "default", "oneOf"],
  number: ["title", "description", "minimum", "maximum", "default"],
  integer: ["title", "description", "minimum", "maximum", "default"],
  boolean: ["title", "description", "default"],
};
const formats: readonly unknown[] = ["email", "uri", "date", "date-time"];

function toField(schema: unknown): Field | undefined {
  if (!isObject(schema) || typeof schema["type"] !== "string") return undefined;
  const known = keywords[schema["type"]];
  if (known === undefined) return undefined;
  const kept = known.filter((name) => name in schema && (name !== "format" || formats.includes(schema["format"])));
  const field = { type: schema["type"], ...Object.fromEntries(kept.map((name) => [name, schema[name]])) };
  // a default of another type, an enum of numbers: what a client would refuse is left to the check of the answer, too
  return isSpecType.PrimitiveSchemaDefinition(field) ? field : ({ type: schema["type"] } as Field);
}

function toFlatForm(schema: unknown): Form | undefined {
  if (!isObject(schema) || schema["type"] !== "object" || !isObject(schema["properties"])) return undefined;
  const fields = Object.entries(schema["properties"]).map(([name, property]) => [name, toField(property)] as const);
  if (fields.length === 0 || fields.some(([, field]) => field === undefined)) return undefined;
  const names = new Set(fields.map(([name]) => name));
  const asked = Array.isArray(schema["required"]) ? schema["required"] : [];
  const required = asked.filter((name): name is string => typeof name === "string" && names.has(name));
  return { type: "object", properties: Object.fromEntries(fields) as Form["properties"], required };
}

function parseJson(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch (cause) {
    throw new AppError("invalid_argument", "answer: is not JSON", { cause });
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
