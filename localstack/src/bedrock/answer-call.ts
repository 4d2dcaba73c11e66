import { checkSignature, type KnownKey, type SignedRequest } from "./check-signature.ts";
import { standInModels } from "./models/all-models.ts";
import { converse } from "./models/claude.ts";
import { findClaude } from "./models/claude-models.ts";
import { parseJson } from "./parse-body.ts";
import type { PromptCache } from "./prompt-cache.ts";
import { refusal } from "./refusal.ts";

/** What a call came to. */
export interface CallAnswer {
  readonly body: unknown;
  /** For the header that tells them; an answer of Converse has them in its body. */
  readonly headerTokens: number | undefined;
  readonly tokens: number;
  readonly texts: number;
}

/** Which model a path calls, and how. */
export interface Call {
  readonly modelId: string;
  readonly operation: "invoke" | "converse";
}

/** What answering needs. */
export interface AnswerOptions {
  readonly cache: PromptCache;
  readonly knownKey: KnownKey;
  readonly now: () => number;
}

const pathPattern = /^\/model\/([^/?]+)\/(invoke|converse)$/;

/** Undefined for a path that is none of the two operations. */
export function parseCall(method: string, path: string): Call | undefined {
  const [, name = "", operation] = pathPattern.exec(path) ?? [];
  if (method !== "POST" || (operation !== "invoke" && operation !== "converse")) return undefined;
  return { modelId: decode(name), operation };
}

/** Checks the signature, then the call, and answers it. @throws AppError with the refusal of AWS. */
export function answerCall(call: Call, request: SignedRequest, options: AnswerOptions): CallAnswer {
  const { modelId, operation } = call;
  const { region } = checkSignature(request, options.knownKey, options.now());
  if (operation === "converse") {
    if (standInModels.has(modelId)) {
      throw refusal(
        "ValidationException",
        "This action doesn't support the model that you provided. Try again with a supported text or chat model.",
      );
    }
    const { body, tokens } = converse(modelId, parseJson(request.body), { region, cache: options.cache });
    return { body, headerTokens: undefined, tokens, texts: 1 };
  }
  const model = standInModels.get(modelId);
  if (model !== undefined) {
    const { body, tokens, texts } = model.invoke(parseJson(request.body));
    return { body, headerTokens: tokens, tokens, texts };
  }
  if (findClaude(modelId).model !== undefined)
    throw refusal("ValidationException", "the stand-in has Claude by Converse alone");
  throw refusal(
    "ResourceNotFoundException",
    `Could not resolve the foundation model from the model identifier: ${modelId}`,
  );
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    // No model is called so, and that is the answer.
    return name;
  }
}
