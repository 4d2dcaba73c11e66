export { type AwsStandIn, type AwsStandInOptions, startAwsStandIn } from "./aws-stand-in.ts";
export { type BedrockStandIn, type BedrockStandInOptions, startBedrockStandIn } from "./bedrock/bedrock-stand-in.ts";
export { type EmbeddedMesh, type EmbeddedOptions, runEmbedded } from "./embedded.ts";
export { keepSecrets, prepareTenant, type Secrets } from "./first-start.ts";
export { type LocalMesh, localFile, removeLocalFile, writeLocalFile } from "./local-file.ts";
