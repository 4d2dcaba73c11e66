import { z } from "zod";

type RawIssue = z.core.$ZodRawIssue;
type Issue<Code extends RawIssue["code"]> = Extract<RawIssue, { readonly code: Code }>;

/** Of a word that is none of those due. Judgement: enough to recognise it by. */
const maxShown = 40;

/**
 * Says what is wrong with a value and what is due, with the name or bound that it misses, so that whoever sent it, a person
 * or a model, can mend it without looking elsewhere. Undefined where the schema's own words are as good.
 */
export function describeIssue(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return describeType(issue);
    case "too_big":
      return describeBound(issue, "most", issue.maximum);
    case "too_small":
      return describeBound(issue, "least", issue.minimum);
    case "invalid_value":
      return describeChoice(issue);
    case "invalid_format":
      return issue.format === "datetime"
        ? "must be an RFC 3339 time with its offset, such as 2026-01-31T12:00:00Z"
        : undefined;
    case "unrecognized_keys":
      return describeUnknown(issue);
    case "invalid_key":
      return issue.issues[0]?.message;
    case "invalid_union":
      return "has none of the forms that are due";
    default:
      return undefined;
  }
}

const typeNames: ReadonlyMap<string, string> = new Map([
  ["string", "a text"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "an object"],
  ["record", "an object"],
]);

function describeType({ expected, input, inst }: Issue<"invalid_type">): string {
  const type = inst instanceof z.ZodNumberFormat ? "int" : expected;
  const due = `${typeNames.get(type) ?? type}${fieldsOf(inst)}`;
  return input === undefined ? `is required: ${due}${purposeOf(inst)}` : `must be ${due}, not ${kindOf(input)}`;
}

/** Of an object that is due what it is made of. */
function fieldsOf(inst: unknown): string {
  const fields = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
  return fields.length === 0 ? "" : ` of ${fields.join(", ")}`;
}

function purposeOf(inst: unknown): string {
  const description = inst instanceof z.ZodType ? inst.description : undefined;
  return description === undefined ? "" : `. ${description}`;
}

/** Of a text its kind alone: it may be a secret in the wrong place. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeNames.get(typeof value) ?? typeof value;
}

function describeBound(
  { input, path }: Issue<"too_big" | "too_small">,
  side: "most" | "least",
  limit: number | bigint,
): string | undefined {
  if (typeof input === "number") {
    const unit = String(path?.at(-1)).endsWith("Ms") ? " milliseconds" : "";
    return `${input} is ${side === "most" ? "more" : "less"} than ${limit}${unit}`;
  }
  if (typeof input !== "string" && !Array.isArray(input)) return undefined;
  if (input.length === 0 && limit === 1) return "must not be empty";
  return `has ${input.length} ${Array.isArray(input) ? "items" : "characters"}, at ${side} ${limit} are due`;
}

function describeChoice({ input, values }: Issue<"invalid_value">): string {
  const due = values.map((value) => (typeof value === "string" ? JSON.stringify(value) : String(value))).join(", ");
  if (input === undefined) return `is required: one of ${due}`;
  const given = typeof input === "string" ? JSON.stringify(input.slice(0, maxShown)) : kindOf(input);
  return values.length === 1 ? `must be ${due}, not ${given}` : `${given} is none of ${due}`;
}

/** Said of each of its keys. */
function describeUnknown({ inst }: Issue<"unrecognized_keys">): string {
  const known = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
  return known.length === 0
    ? "is no field that is known here"
    : `is no field that is known here: there are ${known.join(", ")}`;
}
