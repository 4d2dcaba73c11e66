import { createHash } from "node:crypto";
import {
  AppError,
  assertStorableJson,
  canonicalJson,
  type ExternalTool,
  type TenantId,
  utf8Bytes,
} from "@devmesh/models";
import type { SchemaChecker } from "./ports.ts";
import { toCheckableSchema } from "./tool-schema.ts";

/** Arguments that fit the tool's schema. */
export interface CheckedArguments {
  readonly value: Readonly<Record<string, unknown>>;
  /** As JSON. */
  readonly bytes: number;
  /** Of their canonical JSON, in hex. */
  readonly sha256: string;
}

/** What the arguments are held against. */
export interface CheckArgumentsOptions {
  readonly tool: ExternalTool;
  readonly schemas: SchemaChecker;
  /** Whose question it is. */
  readonly tenantId: TenantId;
  readonly maxBytes: number;
}

/** @throws AppError `invalid_argument`, reason `bad_arguments`, with each place that does not fit; `resource_exhausted` where the checker has no time. */
export async function checkArguments(given: unknown, options: CheckArgumentsOptions): Promise<CheckedArguments> {
  const { tool, schemas, tenantId, maxBytes } = options;
  const value = given ?? {};
  if (!isObject(value))
    throw refuse("arguments must be an object", [{ path: "arguments", message: "must be an object" }]);
  assertStorableJson(value, "arguments");
  const text = JSON.stringify(value);
  const bytes = utf8Bytes(text);
  if (bytes > maxBytes) {
    throw refuse(`arguments of ${bytes} bytes exceed the limit of ${maxBytes}`, [
      { path: "arguments", message: `must be at most ${maxBytes} bytes as JSON` },
    ]);
  }
  const problems = await schemas.findProblems(toCheckableSchema(tool.inputSchema), text, tenantId);
  if (problems.length > 0) {
    const details = problems.map(({ path, message }) => ({ path: `arguments${toDots(path)}`, message }));
    throw refuse(`${details[0]?.path}: ${details[0]?.message}`, details);
  }
  return { value, bytes, sha256: createHash("sha256").update(canonicalJson(value)).digest("hex") };
}

function refuse(message: string, details: unknown): AppError {
  return new AppError("invalid_argument", message, { reason: "bad_arguments", details });
}

/** `/items/0/name` as `.items[0].name`. */
function toDots(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join("");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
