export { openSecretBox } from "./open-keys.ts";
export { type OpenToolsOptions, openTools, type Tools } from "./open-tools.ts";
