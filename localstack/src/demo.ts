import { toAppError } from "@devmesh/models";
import { startDemoAgents } from "./demo-agents.ts";
import { readDemoTasks } from "./demo-tasks.ts";
import type { EmbeddedMesh } from "./embedded.ts";
import { createMeshClient } from "./mesh-client.ts";
import { formatResult } from "./print-result.ts";

/** Starts the demo agents, has them do some tasks and prints the results. What fails is printed, and ends nothing. */
export async function runDemo(
  mesh: EmbeddedMesh,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const agents = startDemoAgents(mesh, print);
  try {
    const tasks = await readDemoTasks();
    print(`Demo: three agents in processes of their own, and ${tasks.length} tasks on files of this repository`);
    const client = createMeshClient(mesh, signal);
    const submitted = await client.submit(tasks);
    const results = submitted.map(({ id }) => client.wait(id));
    // All are waited for at once and printed in order; what fails is thrown below, where its turn comes.
    for (const result of results) result.catch(() => undefined);
    for (const result of results) print(formatResult(await result));
    print("Demo done: the agents stay connected.\n");
  } catch (error) {
    if (!signal.aborted) print(`Demo failed: ${toAppError(error).code}, ${String(error)}\n`);
  }
  return agents;
}
