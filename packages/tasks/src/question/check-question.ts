import {
  AppError,
  type AskedQuestion,
  assertStorableJson,
  maxAnswerBytes,
  maxOutputSchemaBytes,
  utf8Bytes,
} from "@devmesh/models";
import type { SchemaChecks } from "../output-schema/output-schemas.ts";

/**
 * Holds a question against its limits, its schema against JSON Schema, and its default against its schema.
 *
 * @throws AppError `invalid_argument`
 */
export async function checkQuestion(
  { schema, default: fallback }: Pick<AskedQuestion, "schema" | "default">,
  outputSchemas: SchemaChecks,
): Promise<void> {
  if (fallback !== undefined) toAnswerText("default", fallback);
  if (schema === undefined) return;
  assertStorableJson(schema);
  const text = JSON.stringify(schema);
  assertSize("schema", text, maxOutputSchemaBytes);
  await outputSchemas.check(schema, "schema");
  if (fallback === undefined) return;
  const problems = await outputSchemas.findProblems(schema, JSON.stringify(fallback));
  if (problems.length === 0) return;
  const details = problems.map(({ path, message }) => ({ path: `default${path}`, message }));
  throw new AppError("invalid_argument", "default: does not match the schema of the question", { details });
}

/** An answer as JSON text. @throws AppError `invalid_argument` for one that is too large or can't be kept. */
export function toAnswerText(path: "answer" | "default", value: unknown): string {
  assertStorableJson(value);
  const text = JSON.stringify(value);
  assertSize(path, text, maxAnswerBytes);
  return text;
}

function assertSize(path: string, text: string, maxBytes: number): void {
  const bytes = utf8Bytes(text);
  if (bytes <= maxBytes) return;
  const message = `${path} of ${bytes} bytes exceeds the limit of ${maxBytes}`;
  throw new AppError("invalid_argument", message, { details: [{ path, message }] });
}
