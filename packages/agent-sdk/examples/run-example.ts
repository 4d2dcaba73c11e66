import { AppError } from "@devmesh/models";
import { connectAgent, type TaskHandler } from "../src/index.ts";

/**
 * Runs a demo agent of one capability until SIGTERM or SIGINT. Reads DEVMESH_WS_URL, DEVMESH_API_KEY and, optionally,
 * DEVMESH_AGENT_NAME.
 */
export async function runExample(capability: string, handler: TaskHandler): Promise<void> {
  const { DEVMESH_WS_URL: url, DEVMESH_API_KEY: apiKey, DEVMESH_AGENT_NAME: name = capability } = process.env;
  if (url === undefined || apiKey === undefined) {
    console.error(
      "usage: DEVMESH_WS_URL=ws://127.0.0.1:8081/ws DEVMESH_API_KEY=… node --conditions=devmesh-source FILE",
    );
    process.exitCode = 2;
    return;
  }
  const stop = new AbortController();
  // kept for the whole life: a terminal and npm deliver the signal twice
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
  try {
    const agent = await connectAgent({
      url,
      apiKey,
      name,
      capabilities: [{ name: capability }],
      maxConcurrency: 4,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === "recorded") console.log(`${name}: task ${event.taskId} ${event.taskState ?? "recorded"}`);
        if (event.type === "disconnected") console.error(`${name}: disconnected, ${event.error.message}`);
      },
    });
    console.log(`${name}: connected to ${url}, ready for ${capability}`);
    await agent.handle({ [capability]: handler });
  } catch (error) {
    if (stop.signal.aborted) return;
    console.error(`${name}: ${error instanceof AppError ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
