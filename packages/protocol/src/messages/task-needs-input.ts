import { onTimeoutActions } from "@devmesh/models";
import { z } from "zod";
import { assignmentFields, maxWaitMs, proseSchema, requestFields } from "./fields.ts";

const jsonSchemaSchema = z.custom<boolean | Readonly<Record<string, unknown>>>(
  (value) => typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value)),
  "must be a JSON Schema: an object or a boolean",
);

/** 0x020D, C→S: the task waits for a person. `default` may be null, and is due where `onTimeout` is `default`. */
export const taskNeedsInputSchema = z
  .object({
    ...requestFields,
    ...assignmentFields,
    question: proseSchema(16_384),
    schema: jsonSchemaSchema.optional(),
    timeoutMs: z.int().min(1).max(maxWaitMs).optional(),
    onTimeout: z.enum(onTimeoutActions).optional(),
    default: z.unknown().optional(),
  })
  .refine((payload) => payload.onTimeout !== "default" || payload.default !== undefined, {
    path: ["default"],
    message: "is required where onTimeout is default",
  });
