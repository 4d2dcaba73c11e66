import {
  AppError,
  assertStorableJson,
  maxOutputSchemaBytes,
  maxTaskJsonBytes,
  parseWith,
  reservedTaskType,
  type TaskId,
  type TaskSubmission,
  taskSubmissionSchema,
  toAppError,
  utf8Bytes,
} from "@devmesh/models";
import type { SchemaChecks } from "../output-schema/output-schemas.ts";
import type { Checked } from "./resolve-batch.ts";

interface CheckOptions {
  readonly id: TaskId;
  readonly outputSchemas: Pick<SchemaChecks, "check">;
  /** The mesh submits it itself: it may be of the reserved type. */
  readonly isOwn?: boolean | undefined;
}

/**
 * Holds one submission against its schema and limits. A refusal is an answer, so that a bad task of a batch stops no
 * other; what is no fault of the task (the validator is gone) is thrown.
 */
export async function checkSubmission(
  raw: unknown,
  { id, outputSchemas, isOwn = false }: CheckOptions,
): Promise<Checked> {
  try {
    const submission = parseWith(taskSubmissionSchema, raw);
    if (!isOwn) assertOpenToAll(submission);
    assertStorableJson(submission.input);
    assertSize("input", submission.input, maxTaskJsonBytes);
    if (submission.outputSchema !== undefined) {
      assertStorableJson(submission.outputSchema);
      assertSize("outputSchema", submission.outputSchema, maxOutputSchemaBytes);
      await outputSchemas.check(submission.outputSchema);
    }
    return { submission, id };
  } catch (caught) {
    const error = toAppError(caught);
    if (error.code !== "invalid_argument") throw error;
    return { error };
  }
}

function assertOpenToAll({ type, requirements }: TaskSubmission): void {
  const capabilities = requirements?.capabilities ?? [type];
  const isReserved = type === reservedTaskType || capabilities.includes(reservedTaskType);
  if (!isReserved) return;
  const path = type === reservedTaskType ? "type" : "requirements.capabilities";
  const message = `${reservedTaskType} is the mesh's own`;
  throw new AppError("invalid_argument", `${path}: ${message}`, { details: [{ path, message }] });
}

function assertSize(path: string, value: unknown, maxBytes: number): void {
  const bytes = value === undefined ? 0 : utf8Bytes(JSON.stringify(value));
  if (bytes <= maxBytes) return;
  const instead = path === "input" ? ": larger things travel as contexts" : "";
  const message = `${path} of ${bytes} bytes exceeds the limit of ${maxBytes}${instead}`;
  throw new AppError("invalid_argument", message, { details: [{ path, message }] });
}
