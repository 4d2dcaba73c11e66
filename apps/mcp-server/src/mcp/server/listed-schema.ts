import { isDeepStrictEqual as isEqual } from "node:util";
import { z } from "zod";
import { listedFields } from "../tools/in-brief.ts";

/** The schema of an object, as `tools/list` shows it. */
type ObjectSchema = Record<string, unknown> & { readonly type: "object" };
type Json = z.core.JSONSchema.BaseSchema;

/** What a client may send: all that arguments are held to. */
export function toInputSchema(schema: z.ZodObject): ObjectSchema {
  return toJsonSchema(schema, dropSelfEvident);
}

/**
 * What a client is sent: names and kinds of its fields. Which words a field may hold is left out: such lists grow, and a
 * client that holds answers against its copy would refuse the next word. Of the whole nothing is required: a tool that
 * failed gives `error` alone, and there are clients that hold that against the schema as well.
 */
export function toOutputSchema(schema: z.ZodObject): ObjectSchema {
  const { required: _, ...listed } = toJsonSchema(schema, (json) => {
    delete json.enum;
    delete json.const;
    keepListed(json);
    dropSelfEvident(json);
  });
  return listed;
}

function toJsonSchema(schema: z.ZodObject, shorten: (json: Json) => void): ObjectSchema {
  // the side that the client sees: what it sends, and what it is sent
  const { $schema, ...json } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => shorten(jsonSchema),
  });
  // the dialect goes without saying, and there are clients that refuse to compile what names it
  return { ...(schema.meta()?.["$schema"] === $schema && { $schema }), ...json, type: "object" };
}

/** What a model would read at each beginning for nothing: that integers are safe ones, keys texts, values anything. */
function dropSelfEvident(schema: Json): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (isEqual(schema.propertyNames, { type: "string" })) delete schema.propertyNames;
  if (isEqual(schema.additionalProperties, {})) delete schema.additionalProperties;
  if (isEqual(schema.properties, {})) delete schema.properties;
  foldLength(schema);
}

/** Says the same in fewer words: a pattern of one class of characters takes the bounds of the length. */
function foldLength(schema: Json): void {
  const { minLength, maxLength, pattern = "" } = schema;
  if (minLength !== 1 || maxLength === undefined || !/^\^\[[^\]]+\]\+\$$/.test(pattern)) return;
  schema.pattern = pattern.replace(/\+\$$/, `{1,${maxLength}}$`);
  delete schema.minLength;
  delete schema.maxLength;
}

/** Of a view that is shown whole elsewhere the fields that were chosen: an object may have more than its schema names. */
function keepListed(schema: Json): void {
  const fields = schema[listedFields];
  delete schema[listedFields];
  if (!Array.isArray(fields)) return;
  const isKept = (name: string): boolean => fields.includes(name);
  schema.properties = Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => isKept(name)));
  if (schema.required !== undefined) schema.required = schema.required.filter(isKept);
}
