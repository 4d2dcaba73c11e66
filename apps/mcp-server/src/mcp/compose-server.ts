import type { McpDeps } from "./open-mcp.ts";
import { createServerFactory, type ServerFactory } from "./server/build-server.ts";
import { createCallMetrics } from "./server/call-metrics.ts";
import { createRequestStates } from "./server/request-states.ts";
import type { ServerPart } from "./server/server-part.ts";
import { meshTools } from "./tools/mesh-tools.ts";
import type { Tool } from "./tools/tool.ts";
import { noTools } from "./tools/tool-source.ts";

/** Where tools, resources and prompts come together. */
export async function composeServer(deps: McpDeps): Promise<ServerFactory> {
  const { config, logger, metrics } = deps;
  const states = createRequestStates({ secret: config.stateSecret.reveal(), now: Date.now });
  const tools: Tool[] = [...meshTools(deps)];
  const parts: ServerPart[] = [];
  if (config.conformanceFixtures) {
    const { loadFixtures } = await import("./fixtures/load-fixtures.ts");
    const fixtures = loadFixtures({ toolsChanged: () => undefined, promptsChanged: () => undefined });
    tools.push(...fixtures.tools);
    parts.push(...fixtures.parts);
    logger.warn("conformance fixtures are offered: never in production");
  }
  return createServerFactory({
    tools,
    toolSource: noTools,
    parts,
    states,
    describeTask: async () => {
      throw new Error("no tool answers with a task yet");
    },
    checksOutput: config.checksOutput,
    onCall: createCallMetrics(metrics),
    logger,
  });
}
