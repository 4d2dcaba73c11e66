// Usage: DEVMESH_WS_URL=ws://127.0.0.1:8081/ws DEVMESH_API_KEY=… node --conditions=devmesh-source examples/code-metrics.ts
import { measureCode } from "./measure-code.ts";
import { readMember, readText } from "./read-input.ts";
import { runExample } from "./run-example.ts";

await runExample("code.metrics", ({ input }) => {
  const path = readMember(input, "path");
  return { ...(typeof path === "string" && { path }), ...measureCode(readText(input, "source")) };
});
