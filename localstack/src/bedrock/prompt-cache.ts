import { createHash } from "node:crypto";

/** How much of a prompt came out of the cache, and went into it, in tokens. */
export interface CacheUse {
  readonly readTokens: number;
  readonly writeTokens: number;
}

/** Remembers what prompts began with, as Bedrock's prompt caching does. Holds hashes, no text. */
export interface PromptCache {
  /** `prefixes` are all up to each mark, shortest first; with their tokens, in sum. */
  use(modelId: string, prefixes: readonly { readonly text: string; readonly tokens: number }[]): CacheUse;
}

interface Kept {
  readonly tokens: number;
  readonly untilMs: number;
}

/** Bedrock's own: five minutes from the last use. */
const keptMs = 5 * 60_000;
const maxEntries = 10_000;

/** Prefixes of fewer than `minTokens` are not kept, and nobody is told. */
export function createPromptCache(minTokensOf: (modelId: string) => number, now: () => number): PromptCache {
  const kept = new Map<string, Kept>();

  function keep(key: string, tokens: number): void {
    kept.delete(key);
    kept.set(key, { tokens, untilMs: now() + keptMs });
    const [oldest] = kept.keys();
    if (kept.size > maxEntries && oldest !== undefined) kept.delete(oldest);
  }

  return {
    use: (modelId, prefixes) => {
      const marked = prefixes
        .filter(({ tokens }) => tokens >= minTokensOf(modelId))
        .map(({ text, tokens }) => ({
          key: createHash("sha256").update(`${modelId}\n${text}`).digest("base64"),
          tokens,
        }));
      const found = marked.findLast(({ key }) => (kept.get(key)?.untilMs ?? 0) > now());
      for (const { key, tokens } of marked) keep(key, tokens);
      const readTokens = found?.tokens ?? 0;
      return { readTokens, writeTokens: Math.max(0, (marked.at(-1)?.tokens ?? 0) - readTokens) };
    },
  };
}
