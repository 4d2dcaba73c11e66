import type { z } from "zod";
import { AppError, type FieldProblem } from "./errors.ts";

/**
 * Parses untrusted input with a schema.
 *
 * @param at prefix of the paths in `details`, such as `tasks[3]`; empty for the body itself.
 * @throws AppError `invalid_argument`, its `details` naming every offending field.
 */
export function parseWith<Schema extends z.ZodType>(schema: Schema, input: unknown, at = ""): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const details = result.error.issues.map((issue) => toProblem(issue, at));
  const first = details[0];
  throw new AppError(
    "invalid_argument",
    first === undefined ? "invalid input" : `${first.path || "body"}: ${first.message}`,
    {
      details,
    },
  );
}

function toProblem(issue: z.core.$ZodIssue, at: string): FieldProblem {
  const path = issue.path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, at);
  return { path, message: issue.message };
}
