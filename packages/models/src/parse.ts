import type { z } from "zod";
import { describeIssue } from "./describe-issue.ts";
import { AppError, type FieldProblem } from "./errors.ts";

/** Of unknown fields so many are told. */
const maxUnknown = 10;
/** Of the name of one, in characters. */
const maxKeyLength = 80;

/**
 * Parses untrusted input with a schema.
 *
 * @param at prefix of the paths in `details`, such as `tasks[3]`; empty for the body itself.
 * @throws AppError `invalid_argument`, its `details` naming every offending field, and of unknown ones the first 10.
 */
export function parseWith<Schema extends z.ZodType>(schema: Schema, input: unknown, at = ""): z.output<Schema> {
  const result = schema.safeParse(input, { error: describeIssue });
  if (result.success) return result.data;
  const details = result.error.issues.flatMap((issue) => toProblems(issue, at));
  const first = details[0];
  throw new AppError(
    "invalid_argument",
    first === undefined ? "invalid input" : `${first.path || "body"}: ${first.message}`,
    {
      details,
    },
  );
}

/** One for each field: what is unknown comes as one issue of the object that it stands in. */
function toProblems(issue: z.core.$ZodIssue, at: string): readonly FieldProblem[] {
  const path = pathOf(issue.path, at);
  const { message } = issue;
  if (issue.code !== "unrecognized_keys") return [{ path, message }];
  const names = issue.keys.slice(0, maxUnknown).map((key) => key.slice(0, maxKeyLength).toWellFormed());
  return names.map((name) => ({ path: pathOf([name], path), message }));
}

function pathOf(keys: readonly PropertyKey[], at: string): string {
  return keys.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, at);
}
