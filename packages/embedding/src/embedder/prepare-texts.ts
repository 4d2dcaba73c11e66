import { AppError, isStorable, notStorable } from "@devmesh/models";
import { cacheKey, type VectorKind } from "../cache/cache-key.ts";
import { normaliseText } from "../cache/normalise-text.ts";
import { countTokens } from "../chunking/count-tokens.ts";

/** A text that a model may be asked for. */
export interface PreparedText {
  /** Of the cache; texts of one key are the same text. */
  readonly key: string;
  /** Normalised: what the model sees. */
  readonly text: string;
  /** Estimated. */
  readonly tokens: number;
}

/** Each text, or the `invalid_argument` that names its index: empty, with U+0000 or half of a surrogate pair, or too long for the model. */
export function prepareTexts(texts: readonly string[], kind: VectorKind): readonly (PreparedText | AppError)[] {
  return texts.map((raw, index) => {
    const text = normaliseText(raw);
    const problem = problemOf(text, kind);
    if (problem !== undefined) return new AppError("invalid_argument", `texts[${index}] ${problem}`);
    return { key: cacheKey(kind, text), text, tokens: countTokens(text) };
  });
}

function problemOf(text: string, { model }: VectorKind): string | undefined {
  const { maxCharacters } = model.limits;
  if (text === "") return "is empty";
  if (!isStorable(text)) return notStorable;
  if (text.length <= maxCharacters) return undefined;
  return `has ${text.length} characters, ${model.id} takes at most ${maxCharacters}`;
}
