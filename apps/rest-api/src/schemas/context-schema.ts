import { contextStates, digestStates, newContextSchema as newContext } from "@devmesh/models";
import { z } from "@hono/zod-openapi";

const timeSchema = z.iso.datetime().meta({ description: "RFC 3339, UTC, with milliseconds." });
const exampleId = "019ad9b5-6c00-7000-8000-000000000021";
const exampleSha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

export const contextParams = z.object({
  id: z.string().openapi({ description: "The context's id.", example: exampleId }),
});

export const newContextSchema = newContext.meta({
  id: "NewContext",
  description:
    "`size` and `sha256` of what will be uploaded, at most 5 GiB, or a text of at most 1 MiB as `content`. Summary and embedding are made of text, unless they are set to false.",
});

/** For the document: {@link import("@devmesh/models").StoredContext}. */
export const contextSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    mediaType: z.string(),
    size: z.int().min(1),
    sha256: z.string().meta({ description: "Hexadecimal." }),
    state: z.enum(contextStates),
    metadata: z.record(z.string(), z.unknown()),
    summary: z.object({ state: z.enum(digestStates), text: z.string().optional() }),
    embedding: z
      .object({
        state: z.enum(digestStates),
        documents: z.int().optional(),
        waiting: z
          .int()
          .optional()
          .meta({ description: "Documents that are found by their words, and not by meaning yet." }),
        failed: z
          .int()
          .optional()
          .meta({ description: "Documents that could not be embedded: found by their words alone." }),
      })
      .meta({ description: "`done`: found by `POST /contexts/search`." }),
    bytesRead: z.int().optional().meta({ description: "How much of it summary and embedding were made of." }),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
    createdAt: timeSchema,
    readyAt: timeSchema.optional(),
    expiresAt: timeSchema,
  })
  .meta({ id: "Context", description: "A large object that tasks refer to." });

export const uploadSchema = z
  .object({
    method: z.literal("PUT"),
    url: z.string(),
    headers: z.record(z.string(), z.string()).meta({ description: "To be sent exactly so." }),
    expiresAt: timeSchema,
  })
  .meta({ id: "ContextUpload", description: "The request that stores this one object; it needs no other credential." });

export const downloadSchema = z
  .object({ method: z.literal("GET"), url: z.string(), expiresAt: timeSchema })
  .meta({ id: "ContextDownload" });

export const newContextExample = {
  name: "incident.md",
  mediaType: "text/markdown",
  size: 48_211,
  sha256: exampleSha256,
  expiresInSeconds: 604_800,
  metadata: { service: "billing" },
};

export const contextExample = {
  id: exampleId,
  name: "incident.md",
  mediaType: "text/markdown",
  size: 48_211,
  sha256: exampleSha256,
  state: "ready",
  metadata: { service: "billing" },
  summary: { state: "done", text: "Billing was down for nine minutes: a migration locked the ledger." },
  embedding: { state: "done", documents: 1 },
  bytesRead: 48_211,
  createdAt: "2026-11-30T00:00:00.000Z",
  readyAt: "2026-11-30T00:00:04.000Z",
  expiresAt: "2026-12-07T00:00:00.000Z",
};

export const uploadExample = {
  method: "PUT",
  url: "https://devmesh-contexts.s3.eu-central-1.amazonaws.com/contexts/…?X-Amz-Signature=…",
  headers: {
    "content-length": "48211",
    "content-type": "text/markdown",
    "x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
  },
  expiresAt: "2026-11-30T01:00:00.000Z",
};
