// Usage: DEVMESH_WS_URL=ws://127.0.0.1:8081/ws DEVMESH_API_KEY=… node --conditions=devmesh-source examples/ask-before-publishing.ts
// A person sees the question in GET /api/v1/attention and answers with
// POST /api/v1/tasks/{id}/answer, {"answer": {"publish": true}}.
import { readText } from "./read-input.ts";
import { runExample } from "./run-example.ts";

const schema = {
  type: "object",
  properties: { publish: { type: "boolean" }, title: { type: "string" } },
  required: ["publish"],
  additionalProperties: false,
};

await runExample("text.publish", async ({ input }, ctx) => {
  const text = readText(input, "text");
  const answer = await ctx.ask(`Publish these ${text.length} characters? ${text.slice(0, 1_000)}`, {
    schema,
    timeoutMs: 3_600_000,
    onTimeout: "default",
    default: { publish: false },
  });
  return { ...(answer as object), text };
});
