import { z } from "zod";
import { utf8Bytes } from "../json.ts";

/** Tools that one server may offer; those beyond are left out. */
export const maxServerTools = 1_000;
/** Of the schemas of one tool, each, as JSON. */
export const maxToolSchemaBytes = 65_536;
/** Characters of a tool's description that are kept. */
export const maxToolDescription = 4_096;
/** Of all that is kept of one server's tools, as JSON. */
export const maxServerToolsBytes = 4 * 1_048_576;

const objectSchema = z
  .looseObject({ type: z.literal("object") })
  .refine(
    (schema) => utf8Bytes(JSON.stringify(schema)) <= maxToolSchemaBytes,
    `must be at most ${maxToolSchemaBytes} bytes as JSON`,
  );

/**
 * A tool as its server describes it: untrusted, all of it. One that this schema refuses is not offered. The name leaves
 * room for the server's within the 128 characters of the protocol.
 */
export const externalToolSchema = z.object({
  name: z
    .string()
    .min(1)
    .max(94)
    .regex(/^[A-Za-z0-9_.-]+$/, "may hold letters, digits and _ . - only"),
  title: z.string().max(200).optional(),
  description: z
    .string()
    .optional()
    .transform((text) => text?.slice(0, maxToolDescription).toWellFormed()),
  inputSchema: objectSchema,
  outputSchema: objectSchema.optional(),
  /** Hints of a server that nobody vouches for. */
  annotations: z
    .object({
      title: z.string().max(200).optional(),
      readOnlyHint: z.boolean().optional(),
      destructiveHint: z.boolean().optional(),
      idempotentHint: z.boolean().optional(),
      openWorldHint: z.boolean().optional(),
    })
    .optional(),
});

/** A tool of another server, as it was last seen. */
export type ExternalTool = z.output<typeof externalToolSchema>;
