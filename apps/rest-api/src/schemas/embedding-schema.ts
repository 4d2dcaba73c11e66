import { textSchema, vectorDimensions } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { errorBodySchema } from "./error-schema.ts";

/** The most texts of one request. */
const maxTexts = 500;

const choiceShape = {
  model: textSchema(128)
    .default("balanced")
    .meta({ description: "A model of `GET /embeddings/models`, or `quality`, `cost`, `speed` or `balanced`." }),
  dimensions: z.literal(vectorDimensions).optional(),
  purpose: z
    .enum(["document", "query"])
    .default("document")
    .meta({ description: "Some models embed what is searched for otherwise than what is found." }),
};

/** The body of `POST /embeddings`; each text is looked at by itself. */
export const embeddingsRequest = z.strictObject({ texts: z.array(z.unknown()).min(1).max(maxTexts), ...choiceShape });

/** For the document: the same. */
export const embeddingsRequestSchema = z
  .strictObject({ texts: z.array(z.string().min(1)).min(1).max(maxTexts), ...choiceShape })
  .meta({ id: "EmbeddingsRequest" });

/** For the document: `data` of `POST /embeddings`. */
export const embeddingsSchema = z
  .object({
    model: z.string(),
    dimensions: z.int().min(1),
    embeddings: z
      .array(z.union([z.object({ embedding: z.array(z.number()) }), z.object({ error: errorBodySchema })]))
      .meta({ description: "One for each text, in the order given." }),
  })
  .meta({ id: "Embeddings" });

/** For the document: `meta` of `POST /embeddings`. */
export const embeddingsMetaSchema = z
  .object({
    usage: z
      .object({
        model: z.string(),
        inputTokens: z.int().min(0),
        outputTokens: z.int().min(0),
        costMicroUsd: z.int().min(0),
      })
      .meta({ description: "What was paid for." }),
    reused: z
      .int()
      .min(0)
      .meta({ description: "Texts that a cache had, or that were given twice: they cost nothing." }),
  })
  .meta({ id: "EmbeddingsMeta" });

/** For the document: {@link import("@devmesh/embedding").ListedModel}. */
export const modelSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    dimensions: z.array(z.int()),
    defaultDimensions: z.int(),
    limits: z.object({ maxTokens: z.int(), maxCharacters: z.int(), textsPerCall: z.int() }),
    microUsdPer1kTokens: z.number().min(0),
    quality: z.number().meta({ description: "More is better." }),
    speed: z.number().meta({ description: "More is faster." }),
    available: z.boolean().meta({ description: "False for a model of Bedrock where that is not set up." }),
  })
  .meta({ id: "EmbeddingModel" });

export const embeddingsExample = { texts: ["How does a task travel?"], model: "balanced", purpose: "query" };
export const embeddingsDataExample = {
  model: "local.feature-hashing-v1",
  dimensions: 512,
  embeddings: [{ embedding: [0.12, -0.03, 0.4] }],
};
export const embeddingsMetaExample = {
  usage: { model: "local.feature-hashing-v1", inputTokens: 6, outputTokens: 0, costMicroUsd: 0 },
  reused: 0,
};
export const modelExample = {
  id: "amazon.titan-embed-text-v2:0",
  provider: "amazon",
  dimensions: [256, 512, 1024],
  defaultDimensions: 1024,
  limits: { maxTokens: 8_192, maxCharacters: 50_000, textsPerCall: 1 },
  microUsdPer1kTokens: 20,
  quality: 3,
  speed: 4,
  available: true,
};
