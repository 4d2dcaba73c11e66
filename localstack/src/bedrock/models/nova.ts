import { z } from "zod";
import { countTokens } from "../count-tokens.ts";
import { parseBody } from "../parse-body.ts";
import { embedText } from "./embed-text.ts";
import { assertTokens, type StandInModel } from "./stand-in-model.ts";

const maxTokens = 8_172;
const purposes = [
  "GENERIC_INDEX",
  "GENERIC_RETRIEVAL",
  "TEXT_RETRIEVAL",
  "IMAGE_RETRIEVAL",
  "VIDEO_RETRIEVAL",
] as const;
const otherPurposes = ["DOCUMENT_RETRIEVAL", "AUDIO_RETRIEVAL", "CLASSIFICATION", "CLUSTERING"] as const;

const schema = z.strictObject({
  schemaVersion: z.literal("nova-multimodal-embed-v1").optional(),
  taskType: z.literal("SINGLE_EMBEDDING"),
  singleEmbeddingParams: z.strictObject({
    embeddingPurpose: z.enum([...purposes, ...otherPurposes]),
    embeddingDimension: z.literal([256, 384, 1024, 3072]).default(3072),
    // AWS's page says 8,192 characters; what the service refuses is more than 50,000.
    text: z.strictObject({
      truncationMode: z.enum(["START", "END", "NONE"]),
      value: z.string().min(1, "expected minLength: 1, actual: 0").max(50_000, "expected maxLength: 50000"),
    }),
  }),
});

/** Its texts alone. @see https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html */
export const nova2: StandInModel = {
  id: "amazon.nova-2-multimodal-embeddings-v1:0",
  invoke: (body) => {
    const {
      embeddingPurpose: purpose,
      embeddingDimension: dimensions,
      text,
    } = parseBody(schema, body).singleEmbeddingParams;
    const tokens = countTokens(text.value);
    if (text.truncationMode === "NONE") assertTokens(tokens, maxTokens);
    const embedding = embedText(text.value, { modelId: nova2.id, dimensions, purpose });
    return {
      body: { embeddings: [{ embeddingType: "TEXT", embedding }] },
      tokens: Math.min(tokens, maxTokens),
      texts: 1,
    };
  },
};
