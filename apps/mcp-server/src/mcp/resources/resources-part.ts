import { AppError } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { type McpServer, type ReadResourceResult, type Resource, ResourceTemplate } from "@modelcontextprotocol/server";
import type { Caller } from "../caller.ts";
import { principalNow } from "../server/caller-of.ts";
import { toProtocolError } from "../server/protocol-error.ts";
import type { ServerPart } from "../server/server-part.ts";
import { completeResource } from "./complete-resource.ts";
import { listResources } from "./list-resources.ts";
import { readResource } from "./read-resource.ts";
import type { ResourceDeps } from "./resource-deps.ts";
import { resourceTemplates } from "./resource-templates.ts";
import { parseResourceUri, scopesOfUri } from "./resource-uri.ts";
import type { ResourceWatch } from "./watch-resources.ts";

/** What resources are offered with. */
export interface ResourcesPartDeps extends ResourceDeps {
  readonly watch: ResourceWatch;
  /** What other parts register by fixed URIs: they stand on the first page of the list. */
  readonly others: readonly Resource[];
  readonly logger: Logger;
}

/** URIs that one session of the older generation subscribes. Judgement. */
const maxSubscribed = 100;

/**
 * The mesh's resources: listed, read, completed and subscribed. To be registered after all other parts, whose resources
 * it lists with its own.
 */
export function resourcesPart(deps: ResourcesPartDeps): ServerPart {
  return {
    // the list changes with every task: who wants to know looks again, and nobody is told
    capabilities: { resources: { subscribe: true, listChanged: false }, completions: {} },
    scopesOf: (method, { uri }) => (method === "resources/read" && typeof uri === "string" ? scopesOfUri(uri) : []),
    register(server, caller) {
      registerTemplates(deps, server, caller);
      registerList(deps, server, caller);
      if (caller.era === "legacy") registerSubscribe(deps, server, caller);
    },
  };
}

function registerTemplates(deps: ResourcesPartDeps, server: McpServer, caller: Caller): void {
  for (const { name, kind, uriTemplate, variable, metadata, cacheHint } of resourceTemplates) {
    const complete = { [variable]: (typed: string) => completeResource(deps, caller.principal, { kind, typed }) };
    const template = new ResourceTemplate(uriTemplate, { list: undefined, complete });
    server.registerResource(name, template, { ...metadata, cacheHint }, ({ href }, _variables, context) =>
      read(deps, principalNow(caller, context), href),
    );
  }
}

async function read(deps: ResourcesPartDeps, principal: Caller["principal"], uri: string): Promise<ReadResourceResult> {
  try {
    const ref = parseResourceUri(uri);
    if (ref === undefined) throw new AppError("not_found", "resources/templates/list names the forms of URIs");
    const value = await readResource(deps, principal, ref);
    return { contents: [{ uri, mimeType: "application/json", text: JSON.stringify(value) }] };
  } catch (caught) {
    throw toProtocolError(caught, { uri, logger: deps.logger });
  }
}

function registerList(deps: ResourcesPartDeps, server: McpServer, caller: Caller): void {
  server.server.setRequestHandler("resources/list", async ({ params }, context) => {
    const cursor = params?.cursor;
    try {
      const page = await listResources(deps, principalNow(caller, context), cursor);
      const resources = cursor === undefined ? [...deps.others, ...page.resources] : [...page.resources];
      return { ...page, resources };
    } catch (caught) {
      throw toProtocolError(caught, deps);
    }
  });
}

/** The subscriptions of a session: they end with its server. */
function registerSubscribe(deps: ResourcesPartDeps, server: McpServer, caller: Caller): void {
  const endsByUri = new Map<string, () => void>();
  const tell = (uri: string): void => void server.server.sendResourceUpdated({ uri }).catch(() => undefined);

  server.server.setRequestHandler("resources/subscribe", async ({ params: { uri } }, context) => {
    try {
      if (endsByUri.size >= maxSubscribed && !endsByUri.has(uri)) {
        throw new AppError(
          "resource_exhausted",
          `the session has subscribed ${maxSubscribed} resources, the most it may`,
        );
      }
      const end = await deps.watch.subscribe(principalNow(caller, context), uri, tell);
      endsByUri.get(uri)?.();
      endsByUri.set(uri, end);
      return {};
    } catch (caught) {
      throw toProtocolError(caught, { uri, logger: deps.logger });
    }
  });
  server.server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
    endsByUri.get(uri)?.();
    endsByUri.delete(uri);
    return {};
  });
  const before = server.server.onclose;
  server.server.onclose = () => {
    for (const end of endsByUri.values()) end();
    endsByUri.clear();
    before?.();
  };
}
