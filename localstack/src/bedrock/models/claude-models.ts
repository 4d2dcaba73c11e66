/** What is peculiar to a model that writes. */
export interface ClaudeModel {
  /** It is called by a profile alone: `us.`, `eu.`, `apac.`, `global.` and others before its id. */
  readonly needsProfile: boolean;
  /** Of a prefix that is kept in the prompt cache; undefined where the model has none. */
  readonly minCachedTokens: number | undefined;
  /** Whether it thinks where nobody says so, where somebody does, or never. */
  readonly thinking: "by default" | "if told" | "never";
  /** Newer ones refuse temperature and its kin. */
  readonly takesTemperature: boolean;
}

const version3: ClaudeModel = {
  needsProfile: true,
  minCachedTokens: 1_024,
  thinking: "never",
  takesTemperature: true,
};
const version4: ClaudeModel = { ...version3, thinking: "if told" };
const version5: ClaudeModel = {
  needsProfile: true,
  // Judgement: the most that any has.
  minCachedTokens: 4_096,
  thinking: "by default",
  takesTemperature: false,
};

/** By id. @see https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
const claudeModels: ReadonlyMap<string, ClaudeModel> = new Map([
  ["anthropic.claude-3-haiku-20240307-v1:0", { ...version3, needsProfile: false, minCachedTokens: undefined }],
  ["anthropic.claude-3-5-haiku-20241022-v1:0", { ...version3, minCachedTokens: 2_048 }],
  ["anthropic.claude-sonnet-4-20250514-v1:0", version4],
  ["anthropic.claude-sonnet-4-5-20250929-v1:0", version4],
  ["anthropic.claude-haiku-4-5-20251001-v1:0", { ...version4, minCachedTokens: 4_096 }],
  ["anthropic.claude-haiku-5-5", version5],
  ["anthropic.claude-sonnet-5-5", version5],
]);

const profilePattern = /^(us|eu|apac|jp|au|global)\./;

/** The model that an id, or a profile's, names, and the profile. */
export function findClaude(modelId: string): {
  readonly model: ClaudeModel | undefined;
  readonly profile: string | undefined;
} {
  const profile = profilePattern.exec(modelId)?.[1];
  return { model: claudeModels.get(modelId.replace(profilePattern, "")), profile };
}

/** What a prefix must have to be kept; infinite where nothing is kept. */
export function minCachedTokensOf(modelId: string): number {
  return findClaude(modelId).model?.minCachedTokens ?? Number.POSITIVE_INFINITY;
}
