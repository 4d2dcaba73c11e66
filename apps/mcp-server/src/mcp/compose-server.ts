import type { McpEvents } from "./events/mcp-events.ts";
import type { ListChanges } from "./fixtures/stream-fixtures.ts";
import type { Gateway } from "./gateway/open-gateway.ts";
import type { McpDeps } from "./mcp-deps.ts";
import { promptsPart } from "./prompts/prompts-part.ts";
import type { Resources } from "./resources/open-resources.ts";
import { createServerFactory, type ServerFactory } from "./server/build-server.ts";
import { createCallMetrics } from "./server/call-metrics.ts";
import { createRequestStates } from "./server/request-states.ts";
import type { ServerPart } from "./server/server-part.ts";
import { loadSkills } from "./skills/load-skills.ts";
import { type McpTasks, openTasks } from "./tasks/open-tasks.ts";
import type { RunKind } from "./tasks/runs/run-kind.ts";
import { taskAwait } from "./tasks/task-await.ts";
import { memoryTools } from "./tools/memory/memory-tools.ts";
import { meshTools } from "./tools/mesh-tools.ts";
import type { Tool } from "./tools/tool.ts";

/** The servers of a node, and the tasks that they hand out. */
export interface Composed extends ServerFactory {
  readonly tasks: McpTasks;
}

/** What was opened before. */
interface Opened {
  readonly resources: Pick<Resources, "part">;
  readonly events: Pick<McpEvents, "publish">;
  readonly gateway: Pick<Gateway, "kind" | "open">;
}

/** Where tools, resources and prompts come together. */
export async function composeServer(deps: McpDeps, { resources, events, gateway }: Opened): Promise<Composed> {
  const { config, logger, metrics } = deps;
  const states = createRequestStates({ secret: config.stateSecret.reveal(), now: Date.now });
  const fixtures = config.conformanceFixtures ? await import("./fixtures/load-fixtures.ts") : undefined;
  const kinds: RunKind[] = [gateway.kind, ...(fixtures?.fixtureKinds ?? [])];
  const tasks = openTasks({ ...deps, kinds });
  const external = gateway.open(tasks.runs);
  const skills = await loadSkills();
  const tools: Tool[] = [...meshTools(deps), taskAwait(deps), ...memoryTools(deps), ...external.tools];
  const parts: ServerPart[] = [tasks.part, promptsPart(deps), skills];
  if (fixtures !== undefined) {
    const changes: ListChanges = {
      toolsChanged: (tenantId) => events.publish({ tenantId, list: "tools" }),
      promptsChanged: (tenantId) => events.publish({ tenantId, list: "prompts" }),
    };
    const loaded = fixtures.loadFixtures(changes, tasks.runs);
    tools.push(...loaded.tools);
    parts.push(...loaded.parts);
    logger.warn("conformance fixtures are offered: never in production");
  }
  parts.push(resources.part(parts.flatMap(({ resources = [] }) => resources)));
  const factory = createServerFactory({
    tools,
    toolSource: external.source,
    parts,
    states,
    describeTask: tasks.describeTask,
    checksOutput: config.checksOutput,
    onCall: createCallMetrics(metrics),
    logger,
  });
  return { ...factory, tasks };
}
