export { type OpenToolsOptions, openTools, type Tools } from "./open-tools.ts";
