import type { ModelWire } from "./embedding-model.ts";
import { badAnswer, memberOf, readVectors } from "./read-vectors.ts";

/** Titan's answer, of both versions: `{embedding, inputTextTokenCount}`. */
export const parseTitanAnswer: ModelWire["parseAnswer"] = (answer, { dimensions }) => {
  const tokens = memberOf(answer, "inputTextTokenCount");
  if (typeof tokens !== "number" || !Number.isSafeInteger(tokens) || tokens < 0) throw badAnswer("counts no tokens");
  return { vectors: readVectors([memberOf(answer, "embedding")], { count: 1, dimensions }), tokens };
};
