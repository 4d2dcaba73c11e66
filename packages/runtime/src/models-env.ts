import type { EnvReader } from "./env-reader.ts";

/** Who embeds and writes: `auto` is Bedrock where AWS credentials and a region are set, else this machine. */
const embeddingsModes = ["auto", "local", "bedrock"] as const;

/** What the environment says about models. Of credentials it is only known whether there are any for AWS itself. */
export interface ModelsEnv {
  readonly embeddings: (typeof embeddingsModes)[number];
  readonly hasAwsCredentials: boolean;
  /** The SDK's own region, where one is set. */
  readonly awsRegion: string | undefined;
  /** In order of preference; empty where none is named. */
  readonly bedrockRegions: readonly string[];
  readonly bedrockEndpoint: string | undefined;
  readonly claudeModel: string | undefined;
}

/** Which models a service may use, beside the local one, which there always is. */
export interface ModelsConfig {
  readonly provider: "local" | "bedrock";
  /** Of Bedrock, in order of preference; empty where the provider is `local`. */
  readonly regions: readonly string[];
  /** Where a stand-in of Bedrock listens, which takes credentials of its own; AWS itself when absent. */
  readonly endpoint: string | undefined;
  /** What writes contexts and summaries: an id, or that of an inference profile; the default of who asks when absent. */
  readonly claudeModel: string | undefined;
}

/** Judgement: each region more is one more place to wait for when all are down. */
const maxRegions = 5;
/** A stand-in doesn't care; its region is part of what is signed. */
const standInRegion = "us-east-1";
/** Names of regions become part of host names. */
const regionPattern = /^[a-z]{2,4}(-[a-z]{2,12}){1,3}-\d{1,2}$/;

/** What the SDK's chain finds credentials by, machine roles aside, which only a call would show. */
const credentialVariables = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_BEARER_TOKEN_BEDROCK",
];

/** Beside one of these, credentials are for a stand-in of AWS that has no Bedrock: `auto` doesn't count them. */
const standInVariables = ["DEVMESH_AWS_ENDPOINT", "AWS_ENDPOINT_URL"];

/** Reads the variables about models. The caller reads its own, and then calls {@link EnvReader.done}. */
export function readModelsEnv(reader: EnvReader): ModelsEnv {
  const isSet = (name: string): boolean => reader.secret(name, undefined) !== undefined;
  const raw: ModelsEnv = {
    embeddings: reader.oneOf("DEVMESH_EMBEDDINGS", "auto", embeddingsModes),
    hasAwsCredentials: credentialVariables.some(isSet) && !standInVariables.some(isSet),
    awsRegion: reader.string("AWS_REGION", undefined) ?? reader.string("AWS_DEFAULT_REGION", undefined),
    bedrockRegions: reader.list("DEVMESH_BEDROCK_REGIONS", [], { maxItems: maxRegions }),
    claudeModel: reader.string("DEVMESH_CLAUDE_MODEL", undefined, { maxLength: 200 }),
    bedrockEndpoint: reader.url("DEVMESH_BEDROCK_ENDPOINT", undefined, { protocols: ["http", "https"] }),
  };
  refuseRegions(reader, raw);
  return raw;
}

function refuseRegions(reader: EnvReader, raw: ModelsEnv): void {
  const { bedrockRegions, awsRegion } = raw;
  for (const region of bedrockRegions) {
    if (!regionPattern.test(region))
      reader.refuse("DEVMESH_BEDROCK_REGIONS", `${quote(region)} is no name of a region`);
  }
  if (new Set(bedrockRegions).size < bedrockRegions.length) {
    reader.refuse("DEVMESH_BEDROCK_REGIONS", "names a region twice");
  }
  if (toProvider(raw) !== "bedrock" || raw.bedrockEndpoint !== undefined || bedrockRegions.length > 0) return;
  if (awsRegion === undefined) {
    reader.refuse("DEVMESH_BEDROCK_REGIONS", "or AWS_REGION is required where DEVMESH_EMBEDDINGS is bedrock");
  } else if (!regionPattern.test(awsRegion)) {
    reader.refuse("AWS_REGION", `${quote(awsRegion)} is no name of a region`);
  }
}

/** Gives it its shape. */
export function toModelsConfig(raw: ModelsEnv): ModelsConfig {
  const { bedrockRegions, awsRegion = standInRegion, bedrockEndpoint: endpoint, claudeModel } = raw;
  if (toProvider(raw) === "local") return { provider: "local", regions: [], endpoint: undefined, claudeModel };
  const regions = bedrockRegions.length > 0 ? bedrockRegions : [awsRegion];
  return { provider: "bedrock", regions, endpoint, claudeModel };
}

/** A stand-in is named on purpose, and counts as credentials and region do. */
function toProvider({ embeddings, ...found }: ModelsEnv): ModelsConfig["provider"] {
  if (embeddings !== "auto") return embeddings;
  if (found.bedrockEndpoint !== undefined) return "bedrock";
  const hasRegion = found.awsRegion !== undefined || found.bedrockRegions.length > 0;
  return found.hasAwsCredentials && hasRegion ? "bedrock" : "local";
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
