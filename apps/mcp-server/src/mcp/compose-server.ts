import type { McpDeps } from "./open-mcp.ts";
import { promptsPart } from "./prompts/prompts-part.ts";
import type { Resources } from "./resources/open-resources.ts";
import { createServerFactory, type ServerFactory } from "./server/build-server.ts";
import { createCallMetrics } from "./server/call-metrics.ts";
import { createRequestStates } from "./server/request-states.ts";
import type { ServerPart } from "./server/server-part.ts";
import { type McpTasks, openTasks } from "./tasks/open-tasks.ts";
import type { RunKind } from "./tasks/runs/run-kind.ts";
import { loadSkills } from "./skills/load-skills.ts";
import { memoryTools } from "./tools/memory/memory-tools.ts";
import { meshTools } from "./tools/mesh-tools.ts";
import { taskAwait } from "./tools/tasks/task-await.ts";
import type { Tool } from "./tools/tool.ts";
import { noTools } from "./tools/tool-source.ts";

/** The servers of a node, and the tasks that they hand out. */
export interface Composed extends ServerFactory {
  readonly tasks: McpTasks;
}

/** Where tools, resources and prompts come together. */
export async function composeServer(deps: McpDeps, resources: Pick<Resources, "part">): Promise<Composed> {
  const { config, logger, metrics } = deps;
  const states = createRequestStates({ secret: config.stateSecret.reveal(), now: Date.now });
  const fixtures = config.conformanceFixtures ? await import("./fixtures/load-fixtures.ts") : undefined;
  const kinds: RunKind[] = [...(fixtures?.fixtureKinds ?? [])];
  const tasks = openTasks({ ...deps, kinds });
  const skills = await loadSkills();
  const tools: Tool[] = [...meshTools(deps), taskAwait(deps), ...memoryTools(deps)];
  const parts: ServerPart[] = [tasks.part, promptsPart(deps), skills];
  if (fixtures !== undefined) {
    const changes = { toolsChanged: () => undefined, promptsChanged: () => undefined };
    const loaded = fixtures.loadFixtures(changes, tasks.runs);
    tools.push(...loaded.tools);
    parts.push(...loaded.parts);
    logger.warn("conformance fixtures are offered: never in production");
  }
  parts.push(resources.part(parts.flatMap(({ resources = [] }) => resources)));
  const factory = createServerFactory({
    tools,
    toolSource: noTools,
    parts,
    states,
    describeTask: tasks.describeTask,
    checksOutput: config.checksOutput,
    onCall: createCallMetrics(metrics),
    logger,
  });
  return { ...factory, tasks };
}
