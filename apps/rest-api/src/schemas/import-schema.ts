import { errorCodes, type ImportJob, importStates } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { collectionExample } from "./collection-schema.ts";

const exampleId = "019ad9b5-6c00-7000-8000-000000000051";
const time = z.iso.datetime();
const count = z.int().min(0);

export const importParams = z.object({
  id: z.string().openapi({ description: "The import's id.", example: exampleId }),
});

const lineErrorSchema = z
  .object({
    line: z.int().min(1),
    error: z.object({ code: z.enum(errorCodes), reason: z.string().optional(), message: z.string() }),
  })
  .meta({ id: "ImportLineError" });

export const importSchema = z
  .object({
    id: z.uuid(),
    collectionId: z.uuid(),
    state: z.enum(importStates),
    key: z.string(),
    size: count.meta({ description: "Bytes of the object." }),
    offset: count.meta({ description: "Bytes that are done." }),
    lines: count.meta({ description: "Lines that are done, empty ones included." }),
    counts: z.object({
      created: count,
      updated: count,
      unchanged: count,
      changed: count.meta({
        description: "Documents that somebody else wrote since the import began: left as they are.",
      }),
      failed: count.meta({ description: "Lines that are no document." }),
    }),
    errors: z.array(lineErrorSchema).meta({ description: "The first 100." }),
    error: z.object({ code: z.enum(errorCodes), message: z.string() }).optional(),
    createdAt: time,
    startedAt: time.optional(),
    finishedAt: time.optional(),
  })
  .meta({ id: "Import" });

export const importExample: ImportJob = {
  ...{ id: exampleId as ImportJob["id"], collectionId: collectionExample.id as ImportJob["collectionId"] },
  ...{
    state: "running",
    key: "imports/019ad9b5-6c00-7000-8000-000000000001/docs.ndjson",
    size: 48_211,
    offset: 24_010,
  },
  lines: 120,
  counts: { created: 117, updated: 2, unchanged: 0, changed: 0, failed: 1 },
  errors: [{ line: 7, error: { code: "invalid_argument", message: "line 7.content: must not be empty" } }],
  createdAt: "2026-11-30T00:00:00.000Z",
  startedAt: "2026-11-30T00:00:00.100Z",
};
