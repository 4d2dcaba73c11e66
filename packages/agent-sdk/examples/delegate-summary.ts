// Usage: DEVMESH_WS_URL=ws://127.0.0.1:8081/ws DEVMESH_API_KEY=… node --conditions=devmesh-source examples/delegate-summary.ts
// Needs an agent for text.summarize beside it: examples/text-summarize.ts.
import { readText } from "./read-input.ts";
import { runExample } from "./run-example.ts";

/** Each paragraph is another agent's to summarize; this one's slot is free meanwhile. */
await runExample("text.digest", async ({ id, input }, ctx) => {
  const paragraphs = readText(input, "text")
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== "");
  const parts = await ctx.delegate(
    paragraphs.map((text) => ({ type: "text.summarize", input: { text } })),
    // a later try of this task finds the children of the earlier one again
    { idempotencyKey: id },
  );
  return {
    parts: parts.map(({ state, output, error }) => (state === "completed" ? output : (error?.message ?? state))),
  };
});
