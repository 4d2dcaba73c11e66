import { z } from "zod";
import { countTokens } from "../count-tokens.ts";
import { parseBody } from "../parse-body.ts";
import { embedText } from "./embed-text.ts";
import { assertTokens, type StandInModel } from "./stand-in-model.ts";

const maxTokens = 8_192;
const inputText = z.string().min(1, "expected minLength: 1, actual: 0").max(50_000, "expected maxLength: 50000");
/** Version 1 leaves its vectors as long as they come out. */
const lengthOfV1 = 12.5;
const lengthOfV2 = 3;

const v1Schema = z.strictObject({ inputText });
const v2Schema = z.strictObject({
  inputText,
  dimensions: z.literal([256, 512, 1024]).default(1024),
  normalize: z.boolean().default(true),
  embeddingTypes: z
    .array(z.enum(["float", "binary"]))
    .min(1)
    .optional(),
});

/** @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html */
export const titanV1: StandInModel = {
  id: "amazon.titan-embed-text-v1",
  invoke: (body) => {
    const { inputText: text } = parseBody(v1Schema, body);
    const tokens = countTokens(text);
    assertTokens(tokens, maxTokens);
    const embedding = embedText(text, { modelId: titanV1.id, dimensions: 1_536, length: lengthOfV1 });
    return { body: { embedding, inputTextTokenCount: tokens }, tokens, texts: 1 };
  },
};

/** Of `embeddingTypes` it has floats alone. */
export const titanV2: StandInModel = {
  id: "amazon.titan-embed-text-v2:0",
  invoke: (body) => {
    const { inputText: text, dimensions, normalize } = parseBody(v2Schema, body);
    const tokens = countTokens(text);
    assertTokens(tokens, maxTokens);
    const embedding = embedText(text, { modelId: titanV2.id, dimensions, length: normalize ? 1 : lengthOfV2 });
    return {
      body: { embedding, embeddingsByType: { float: embedding }, inputTextTokenCount: tokens },
      tokens,
      texts: 1,
    };
  },
};
