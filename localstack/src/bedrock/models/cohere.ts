import { createHash } from "node:crypto";
import { z } from "zod";
import { countTokens } from "../count-tokens.ts";
import { parseBody } from "../parse-body.ts";
import { refusal } from "../refusal.ts";
import { embedText } from "./embed-text.ts";
import type { StandInAnswer, StandInModel } from "./stand-in-model.ts";

const maxTexts = 96;
const tooMany = `expected maximum item count: ${maxTexts}`;
const inputType = z.enum(["search_document", "search_query", "classification", "clustering"]);
const embeddingTypes = z.array(z.enum(["float", "int8", "uint8", "binary", "ubinary"])).min(1);

const v3Schema = z.strictObject({
  texts: z
    .array(z.string().min(1, "expected minLength: 1, actual: 0").max(2_048, "expected maxLength: 2048"))
    .min(1, "expected minimum item count: 1, found: 0")
    .max(maxTexts, tooMany),
  input_type: inputType,
  truncate: z.enum(["NONE", "START", "END"]).default("NONE"),
  embedding_types: embeddingTypes.optional(),
});

const v4Schema = z.strictObject({
  texts: z.array(z.string().min(1)).min(1).max(maxTexts, tooMany).optional(),
  inputs: z
    .array(
      z.strictObject({ content: z.array(z.strictObject({ type: z.literal("text"), text: z.string().min(1) })).min(1) }),
    )
    .min(1)
    .max(maxTexts, tooMany)
    .optional(),
  input_type: inputType,
  truncate: z.enum(["NONE", "LEFT", "RIGHT"]).default("RIGHT"),
  embedding_types: embeddingTypes.optional(),
  output_dimension: z.literal([256, 512, 1024, 1536]).default(1536),
  max_tokens: z.number().int().min(1).max(128_000).default(128_000),
});

/** Both languages of version 3. @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html */
export const cohereV3: readonly StandInModel[] = ["cohere.embed-english-v3", "cohere.embed-multilingual-v3"].map(
  (id) => ({
    id,
    invoke: (body) => {
      const { texts, input_type, truncate, embedding_types } = parseBody(v3Schema, body);
      const tokens = texts.map(countTokens);
      assertTokens(tokens, 512, truncate);
      const vectors = texts.map((text) => embedText(text, { modelId: id, dimensions: 1_024, purpose: input_type }));
      return toAnswer({ texts, vectors, tokens, isByType: embedding_types !== undefined });
    },
  }),
);

/** Its texts alone. @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html */
export const cohereV4: StandInModel = {
  id: "cohere.embed-v4:0",
  invoke: (body) => {
    const request = parseBody(v4Schema, body);
    const { input_type: purpose, output_dimension: dimensions } = request;
    if ((request.texts === undefined) === (request.inputs === undefined)) {
      throw refusal("ValidationException", "invalid request: exactly one of texts, images or inputs must be given");
    }
    const texts =
      request.texts ?? (request.inputs ?? []).map(({ content }) => content.map(({ text }) => text).join("\n"));
    const tokens = texts.map(countTokens);
    assertTokens(tokens, request.max_tokens, request.truncate);
    const vectors = texts.map((text) => embedText(text, { modelId: cohereV4.id, dimensions, purpose }));
    return toAnswer({ texts, vectors, tokens, isByType: request.embedding_types !== undefined });
  },
};

function assertTokens(tokens: readonly number[], max: number, truncate: string): void {
  const index = tokens.findIndex((count) => count > max);
  if (index === -1 || truncate !== "NONE") return;
  const words = `too many tokens: total number of tokens in the prompt cannot exceed ${max} - received ${tokens[index]}`;
  throw refusal("ValidationException", `${words} (texts[${index}]). Try using truncate to cut the input`);
}

/** It has no count of tokens: the header alone tells it. Of the types that are asked for it has floats alone. */
function toAnswer(embedded: {
  readonly texts: readonly string[];
  readonly vectors: readonly number[][];
  readonly tokens: readonly number[];
  readonly isByType: boolean;
}): StandInAnswer {
  const { texts, vectors, tokens, isByType } = embedded;
  const id = createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, 32);
  const embeddings = isByType ? { float: vectors } : vectors;
  return {
    body: { embeddings, id, response_type: isByType ? "embeddings_by_type" : "embeddings_floats", texts },
    tokens: tokens.reduce((sum, count) => sum + count, 0),
    texts: texts.length,
  };
}
