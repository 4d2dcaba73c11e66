// One agent as a process: echoes the input of tasks of type "echo" after DEVMESH_WORK_MS.
import { setTimeout as delay } from "node:timers/promises";
import { connectAgent } from "@devmesh/agent-sdk";

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const workMs = Number(process.env["DEVMESH_WORK_MS"] ?? 20);

const agent = await connectAgent({
  url: process.env["DEVMESH_WS_URL"] ?? "",
  apiKey: process.env["DEVMESH_API_KEY"] ?? "",
  name: process.env["DEVMESH_AGENT_NAME"] ?? "echo",
  capabilities: [{ name: "echo" }],
  maxConcurrency: Number(process.env["DEVMESH_CONCURRENCY"] ?? 8),
  signal: stop.signal,
});
console.log("agent is ready");
await agent.handle({
  echo: async (task, { signal }) => {
    await delay(workMs, undefined, { signal });
    return task.input;
  },
});
