// Usage: DEVMESH_WS_URL=ws://127.0.0.1:8081/ws DEVMESH_API_KEY=… node --conditions=devmesh-source examples/twenty-lines.ts
import { connectAgent, TaskFailure } from "@devmesh/agent-sdk";

const stop = new AbortController();
process.on("SIGINT", () => stop.abort());

const agent = await connectAgent({
  url: process.env["DEVMESH_WS_URL"] ?? "ws://127.0.0.1:8081/ws",
  apiKey: process.env["DEVMESH_API_KEY"] ?? "",
  name: "shouter",
  capabilities: [{ name: "text.shout" }],
  maxConcurrency: 4,
  signal: stop.signal,
});
await agent.handle({
  "text.shout": (task) => {
    if (typeof task.input !== "string") throw new TaskFailure("permanent", "input must be a string");
    return task.input.toUpperCase();
  },
});
