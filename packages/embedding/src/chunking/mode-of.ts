import type { ChunkMode } from "@devmesh/models";

/** What a document is cut as. */
export type CutMode = Exclude<ChunkMode, "auto">;

const markdownEnding = /\.(?:md|mdx|markdown|mkd)$/i;
const codeEnding =
  /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|kts|swift|c|h|cc|cpp|hpp|cs|php|scala|clj|ex|exs|erl|hs|ml|lua|pl|r|jl|dart|zig|nim|sh|bash|zsh|ps1|sql|tf|hcl|proto|graphql|ya?ml|toml|ini|json|jsonl|ndjson|xml|html?|css|scss|less|vue|svelte|csv|tsv)$/i;
const codeType =
  /^(?:text\/(?:x-|css|html|javascript|typescript|csv|tab-separated-values|xml)|application\/(?:json|javascript|typescript|x-|xml|yaml|toml|sql|graphql|[a-z.-]+\+(?:json|xml)))/i;

/** The mode that was asked for, or by the media type, or by the ending of the id; text where nothing tells. */
export function modeOf(options: {
  readonly mode: ChunkMode;
  readonly mediaType: string | undefined;
  readonly externalId: string;
}): CutMode {
  if (options.mode !== "auto") return options.mode;
  if (options.mediaType !== undefined) {
    if (/^text\/(?:x-)?markdown/i.test(options.mediaType)) return "markdown";
    if (codeType.test(options.mediaType)) return "code";
    if (!/^text\/plain/i.test(options.mediaType)) return "text";
  }
  if (markdownEnding.test(options.externalId)) return "markdown";
  return codeEnding.test(options.externalId) ? "code" : "text";
}
