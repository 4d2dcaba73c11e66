/** Of a tool as it is described: deeper than any that a person or a generator writes. */
const maxSchemaDepth = 64;
/** Keywords whose values are no schemas. */
const dataKeywords: ReadonlySet<string> = new Set(["const", "enum", "default", "examples"]);
const referenceKeywords: ReadonlySet<string> = new Set(["$ref", "$dynamicRef", "$recursiveRef"]);

type Members = Readonly<Record<string, unknown>>;

/** True for JSON that nests deeper than any tool needs. Walks with a stack of its own: depth can't overflow ours. */
export function nestsTooDeep(json: unknown): boolean {
  return findMember(json, (_, __, depth) => depth > maxSchemaDepth) !== undefined;
}

/** True for a schema that names what would have to be fetched. */
export function refersElsewhere(schema: unknown): boolean {
  const isRemote = (key: string, value: unknown): boolean =>
    referenceKeywords.has(key) && typeof value === "string" && !value.startsWith("#");
  return findMember(schema, isRemote) !== undefined;
}

function findMember(
  json: unknown,
  isWanted: (key: string, value: unknown, depth: number) => boolean,
): string | undefined {
  const pending: [value: unknown, depth: number][] = [[json, 1]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [value, depth] = next;
    if (typeof value !== "object" || value === null) continue;
    for (const [key, member] of Object.entries(value)) {
      if (isWanted(key, member, depth)) return key;
      pending.push([member, depth + 1]);
    }
  }
  return undefined;
}

/**
 * A schema as the validator of 2020-12 takes it. Most servers write draft-07, whose one form that means something else is
 * `items` as a list; `$schema` and `$id` are left out, as nothing is fetched by them.
 */
export function toCheckableSchema(schema: Members): Members {
  return rewrite(schema, true) as Members;
}

function rewrite(value: unknown, isSchema: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, isSchema));
  if (typeof value !== "object" || value === null) return value;
  const members = value as Members;
  const isTuple = isSchema && Array.isArray(members["items"]);
  const entries = Object.entries(members).flatMap(([key, member]): [string, unknown][] => {
    if (isSchema && (key === "$schema" || key === "$id") && typeof member === "string") return [];
    if (isSchema && dataKeywords.has(key)) return [[key, member]];
    if (isTuple && key === "additionalItems") return [["items", rewrite(member, true)]];
    return [[isTuple && key === "items" ? "prefixItems" : key, rewrite(member, isSchemaUnder(key, isSchema))]];
  });
  return Object.fromEntries(entries);
}

/** The members of `properties` and its kin are names, and schemas again below. */
function isSchemaUnder(key: string, isSchema: boolean): boolean {
  return !(isSchema && namingKeywords.has(key));
}

const namingKeywords: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependencies",
]);

/** What of a schema people and models read. */
const textKeywords: ReadonlySet<string> = new Set(["title", "description", "$comment"]);

/** The schema with its texts cleaned; names and values stay as they are. */
export function cleanSchema<Schema extends Members>(schema: Schema, clean: (text: string) => string): Schema {
  const cleaned = (value: unknown, isSchema: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => cleaned(item, isSchema));
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).map(([key, member]): [string, unknown] => {
      if (isSchema && dataKeywords.has(key)) return [key, member];
      if (isSchema && textKeywords.has(key) && typeof member === "string") return [key, clean(member)];
      return [key, cleaned(member, isSchemaUnder(key, isSchema))];
    });
    return Object.fromEntries(entries);
  };
  return cleaned(schema, true) as Schema;
}
