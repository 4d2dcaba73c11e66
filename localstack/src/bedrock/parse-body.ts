import type { z } from "zod";
import { refusal } from "./refusal.ts";

/** Parses a request's body by a model's schema. @throws AppError that AWS's words tell the first problem of. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = `#${(issue?.path ?? []).map((part) => `/${String(part)}`).join("")}`;
  const problem =
    issue?.code === "unrecognized_keys"
      ? `extraneous key [${issue.keys.join(", ")}] is not permitted`
      : (issue?.message ?? "is wrong");
  throw refusal(
    "ValidationException",
    `Malformed input request: ${path}: ${problem}, please reformat your input and try again.`,
  );
}

/** @throws AppError `ValidationException` where it is no JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : "no JSON";
    throw refusal("ValidationException", `Malformed input request, please reformat your input and try again. ${words}`);
  }
}
