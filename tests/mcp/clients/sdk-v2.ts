import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from "@modelcontextprotocol/client";
import { authorization, type Connect, outputOf, type Target } from "./mcp-client.ts";

/** The SDK's second version, by how it comes to a revision. */
export function connectSdkV2(mode: VersionNegotiationMode): Connect {
  return async (target) => {
    const { client } = await openSdkV2(target, mode);
    return {
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, args) => outputOf(await client.callTool({ name, arguments: { ...args } })),
      [Symbol.asyncDispose]: () => client.close(),
    };
  };
}

export async function openSdkV2(target: Target, mode: VersionNegotiationMode): Promise<{ readonly client: Client }> {
  const client = new Client({ name: "sdk-v2", version: "1" }, { versionNegotiation: { mode } });
  const requestInit = { headers: authorization(target) };
  await client.connect(new StreamableHTTPClientTransport(new URL(target.url), { requestInit }));
  return { client };
}
