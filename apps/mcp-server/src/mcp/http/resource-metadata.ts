import { scopes } from "@devmesh/auth";

/** The address of the metadata of the resource `/mcp`, as RFC 9728, section 3.1 builds it. */
export const metadataPath = "/.well-known/oauth-protected-resource/mcp";

/**
 * What a client may know of `/mcp` before it has a credential. No authorization server is named: the mesh issues API
 * keys, which go into the header as bearer tokens do.
 *
 * @see RFC 9728, section 2
 */
export function describeResource(origin: string): Readonly<Record<string, unknown>> {
  return {
    resource: `${origin}/mcp`,
    bearer_methods_supported: ["header"],
    scopes_supported: scopes,
    resource_name: "Devmesh",
  };
}
