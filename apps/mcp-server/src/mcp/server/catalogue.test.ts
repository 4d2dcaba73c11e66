import { expect, test } from "vitest";
import { z } from "zod";
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
