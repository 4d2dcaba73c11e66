import { z } from "zod";
import { assertStorableJson, utf8Bytes } from "../json.ts";
import { toStorable } from "../text.ts";

/** Tools that one server may offer; those beyond are left out. */
export const maxServerTools = 1_000;
/** Of all that is kept of one server's tools, as JSON; those beyond are left out. */
export const maxServerToolsBytes = 4 * 1_048_576;
/** Of each schema of a tool, as JSON. */
const maxSchemaBytes = 65_536;
/** Characters of a tool's description that are kept. */
const maxDescription = 4_096;

const shortTextSchema = z
  .string()
  .transform((text) => toStorable(text.slice(0, 200)))
  .optional();
const objectSchema = z
  .looseObject({ type: z.literal("object") })
  .refine(isBoundedJson, { error: "must not nest deeper than JSON may, and hold finite numbers only", abort: true })
  .refine(
    (schema) => utf8Bytes(JSON.stringify(schema)) <= maxSchemaBytes,
    `must be at most ${maxSchemaBytes} bytes as JSON`,
  );

/**
 * A tool as its server describes it: untrusted, all of it. One that this schema refuses is not offered. The name leaves
 * room for the server's within the 128 characters of the protocol. What else a server says of a tool is dropped.
 */
export const externalToolSchema = z.object({
  name: z
    .string()
    .min(1)
    .max(94)
    .regex(/^[A-Za-z0-9_.-]+$/, "may hold letters, digits and _ . - only"),
  title: shortTextSchema,
  description: z
    .string()
    .transform((text) => toStorable(text.slice(0, maxDescription)))
    .optional(),
  inputSchema: objectSchema,
  outputSchema: objectSchema.optional(),
  /** Hints of a server that nobody vouches for. */
  annotations: z
    .object({
      title: shortTextSchema,
      readOnlyHint: z.boolean().optional(),
      destructiveHint: z.boolean().optional(),
      idempotentHint: z.boolean().optional(),
      openWorldHint: z.boolean().optional(),
    })
    .optional(),
});

/** A tool of another server, as it was last seen. */
export type ExternalTool = z.output<typeof externalToolSchema>;

function isBoundedJson(value: unknown): boolean {
  try {
    assertStorableJson(value);
    return true;
  } catch {
    return false; // what exactly is wrong with it, nobody asks
  }
}
