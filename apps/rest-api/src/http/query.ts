import { AppError, type FieldProblem, parseWith } from "@devmesh/models";
import { z } from "@hono/zod-openapi";

/**
 * Reads a query string with a schema over strings. A parameter that the route does not have, or one given twice, is
 * refused by name: a misspelt filter would otherwise answer with everything.
 *
 * @throws AppError `invalid_argument`
 */
export function parseQuery<Schema extends z.ZodObject>(schema: Schema, url: string): z.output<Schema> {
  const { searchParams } = new URL(url);
  const known = Object.keys(schema.shape);
  const problems = [...new Set(searchParams.keys())].flatMap((name): FieldProblem[] => {
    if (!known.includes(name)) {
      const expected = known.length === 0 ? "there are none here" : `known here: ${known.join(", ")}`;
      return [{ path: name, message: `unknown query parameter; ${expected}` }];
    }
    return searchParams.getAll(name).length === 1 ? [] : [{ path: name, message: "is given more than once" }];
  });
  const first = problems[0];
  if (first !== undefined) {
    const message = `${JSON.stringify(first.path.slice(0, 80))}: ${first.message}`;
    throw new AppError("invalid_argument", message, { details: problems });
  }
  return parseWith(schema, Object.fromEntries(searchParams));
}

/** A whole number in decimal digits. Out of bounds is refused, never clamped. */
export function integerParameter(bounds: {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  readonly description: string;
}): z.ZodType<number, string | undefined> {
  const { min, max, fallback, description } = bounds;
  const problem = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, problem)
    .transform(Number)
    .refine((value) => value >= min && value <= max, problem)
    .optional()
    .transform((value) => value ?? fallback)
    .openapi({ type: "integer", minimum: min, maximum: max, default: fallback, description });
}
