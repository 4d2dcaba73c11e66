import { expect, test } from "vitest";
import { z } from "zod";
import { inBrief } from "../tools/in-brief.ts";
import { defineTool } from "../tools/tool.ts";
import { createCatalogue } from "./catalogue.ts";

test("says of arguments what bounds them, and nothing that goes without saying", () => {
  const tool = defineTool({
    name: "count",
    title: "Count",
    description: "Counts.",
    scopes: ["tasks:read"],
    annotations: { readOnlyHint: true },
    input: z.strictObject({
      from: z.int().optional(),
      to: z.int().min(0).optional(),
      page: z.int().min(1).max(20).optional(),
      metadata: z.record(z.string(), z.json()).optional(),
      tags: z.record(z.string().max(8), z.string()).optional(),
    }),
    output: z.object({}),
    call: async () => ({ kind: "complete", output: {} }),
  });

  const [listed] = createCatalogue([tool]).listed;

  expect(listed?.inputSchema).toMatchObject({ additionalProperties: false });
  expect(listed?.inputSchema.properties).toEqual({
    from: { type: "integer" },
    to: { type: "integer", minimum: 0 },
    page: { type: "integer", minimum: 1, maximum: 20 },
    metadata: expect.objectContaining({ type: "object" }),
    tags: {
      type: "object",
      propertyNames: { type: "string", maxLength: 8 },
      additionalProperties: { type: "string" },
    },
  });
  expect(listed?.inputSchema.properties?.["metadata"]).not.toHaveProperty("propertyNames");
});

test("says of answers which fields they have, and not which words these hold", () => {
  const wordSchema = z.object({
    text: z.string(),
    kind: z.enum(["noun", "verb"]),
    uses: z.int(),
    forms: z.looseObject({}),
  });
  const tool = defineTool({
    name: "look_up",
    title: "Look up",
    description: "Looks up.",
    scopes: ["tasks:read"],
    annotations: { readOnlyHint: true },
    input: z.strictObject({
      name: z
        .string()
        .min(1)
        .max(128)
        .regex(/^[a-z]+$/),
    }),
    output: z.object({ word: wordSchema, other: inBrief(wordSchema, ["text"], "look_up").optional() }),
    call: async () => ({
      kind: "complete",
      output: { word: { text: "a", kind: "noun" as const, uses: 1, forms: {} } },
    }),
  });

  const [listed] = createCatalogue([tool]).listed;

  expect(listed?.inputSchema.properties).toEqual({ name: { type: "string", pattern: "^[a-z]{1,128}$" } });
  expect(listed?.outputSchema).toEqual({
    type: "object",
    properties: {
      word: {
        type: "object",
        properties: {
          text: { type: "string" },
          kind: { type: "string" },
          uses: { type: "integer" },
          forms: { type: "object" },
        },
        required: ["text", "kind", "uses", "forms"],
      },
      other: {
        type: "object",
        properties: { text: { type: "string" } },
        required: ["text"],
        description: "As of look_up.",
      },
    },
  });
});
