import { isAbsolute, relative } from "node:path";
import { type LocalMesh, localFile } from "./local-file.ts";

/** What a person needs to know when all is ready. */
export function formatBanner({ restUrl, wsUrl, mcpUrl }: LocalMesh, home: string, readyMs: number): string {
  const file = shorten(localFile(home));
  return `
Devmesh is ready, after ${(readyMs / 1_000).toFixed(1)} s.

  REST API    ${restUrl}/api/v1
  API docs    ${restUrl}/docs
  Agents      ${wsUrl}
  MCP         ${mcpUrl} (reserved: not served yet)
  API key     in ${file}, with these URLs

  Try it:
    KEY=$(node -p 'JSON.parse(fs.readFileSync("${file}")).apiKey')
    curl -s ${restUrl}/api/v1/tasks -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
      -d '{"type": "text.keywords", "input": {"text": "Agents pull tasks from lanes."}}'
    curl -s ${restUrl}/api/v1/tasks -H "Authorization: Bearer $KEY"

  Ctrl-C stops everything; the tasks stay in ${shorten(home)} for the next start.
`;
}

/** As a person below this folder would write it. */
function shorten(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") || isAbsolute(short) ? path : short;
}
