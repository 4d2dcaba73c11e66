/** How the bridge was started. */
export interface BridgeOptions {
  /** The mesh's `/mcp`. */
  readonly url: URL;
  readonly apiKey: string;
  /** The agent whose inbox is pushed into the client's session; nothing is pushed when absent. */
  readonly channelAgent: string | undefined;
}

/** What a start came to: options, or a text for the terminal and the code to exit with. */
export type ParsedOptions =
  | { readonly kind: "run"; readonly options: BridgeOptions }
  | { readonly kind: "exit"; readonly code: 0 | 2; readonly text: string };

/** What `--help` prints. */
export const usage = `usage: devmesh-mcp [--url URL] [--channel AGENT]

Connects an MCP client that speaks stdio with a mesh: it passes every message on to the mesh's /mcp, and back.

environment:
  DEVMESH_API_KEY        the key that the mesh knows the client by (required)
  DEVMESH_MCP_URL        the mesh's address, if --url is not given (default http://127.0.0.1:8081/mcp)
  DEVMESH_CHANNEL_AGENT  as --channel

options:
  --url URL        the address of the mesh's /mcp
  --channel AGENT  announces the channel claude/channel, and pushes what comes into the inbox of this agent, which is
                   registered already; the client has to be started with channels allowed
  --help           this text
`;

const defaultUrl = "http://127.0.0.1:8081/mcp";
const flags = new Map([
  ["--url", "DEVMESH_MCP_URL"],
  ["--channel", "DEVMESH_CHANNEL_AGENT"],
]);

/** Reads arguments and environment; an argument counts before its variable. */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedOptions {
  const given: Record<string, string | undefined> = { ...env };
  for (let index = 0; index < args.length; index += 2) {
    const arg = args[index] ?? "";
    if (arg === "--help" || arg === "-h") return { kind: "exit", code: 0, text: usage };
    const variable = flags.get(arg);
    const value = args[index + 1];
    if (variable === undefined) return refuse(`unknown argument ${arg}`);
    if (value === undefined || value === "") return refuse(`${arg} needs a value`);
    given[variable] = value;
  }
  return toOptions(given);
}

function toOptions(given: Readonly<Record<string, string | undefined>>): ParsedOptions {
  const apiKey = given["DEVMESH_API_KEY"]?.trim();
  if (!apiKey) return refuse("DEVMESH_API_KEY is not set: `npm start` writes a key into .devmesh/local.json");
  // fetch would name it in its error
  if (!/^[\x21-\x7e]+$/.test(apiKey))
    return refuse("DEVMESH_API_KEY holds what is in no key: was it copied in one line?");
  const text = given["DEVMESH_MCP_URL"] || defaultUrl;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    return refuse(`${JSON.stringify(text)} is no http or https address`);
  }
  return { kind: "run", options: { url, apiKey, channelAgent: given["DEVMESH_CHANNEL_AGENT"] || undefined } };
}

function refuse(problem: string): ParsedOptions {
  return { kind: "exit", code: 2, text: `devmesh-mcp: ${problem}\n\n${usage}` };
}
