import { isAbsolute, relative } from "node:path";
import type { ModelsConfig } from "@devmesh/runtime";
import type { EmbeddedMesh } from "./embedded.ts";
import { localFile } from "./local-file.ts";

/** What a person needs to know when all is ready. */
export function formatBanner({ restUrl, wsUrl, mcpUrl, models }: EmbeddedMesh, home: string, readyMs: number): string {
  const file = shorten(localFile(home));
  return `
Devmesh is ready, after ${(readyMs / 1_000).toFixed(1)} s.

  REST API    ${restUrl}/api/v1
  API docs    ${restUrl}/docs
  Agents      ${wsUrl}
  MCP         ${mcpUrl}
  Embeddings  ${describeModels(models)}
  API key     in ${file}, with these URLs

  Try it:
    KEY=$(node -p 'JSON.parse(fs.readFileSync("${file}")).apiKey')
    curl -s ${restUrl}/api/v1/tasks -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
      -d '{"type": "text.keywords", "input": {"text": "Agents pull tasks from lanes."}}'
    curl -s ${restUrl}/api/v1/tasks -H "Authorization: Bearer $KEY"
    claude mcp add --transport http devmesh ${mcpUrl} --header "Authorization: Bearer $KEY"

  Ctrl-C stops everything; the tasks stay in ${shorten(home)} for the next start.
`;
}

/** What costs money is said. */
function describeModels({ provider, regions, endpoint }: ModelsConfig): string {
  if (provider === "local") return "by this process; with AWS credentials and a region, by Amazon Bedrock";
  if (endpoint !== undefined) return `by the stand-in of Bedrock at ${endpoint}`;
  return `by Amazon Bedrock in ${regions.join(", ")}, on your account (DEVMESH_EMBEDDINGS=local: by this process)`;
}

/** As a person below this folder would write it. */
function shorten(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") || isAbsolute(short) ? path : short;
}
