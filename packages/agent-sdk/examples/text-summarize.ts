// Usage: DEVMESH_WS_URL=ws://127.0.0.1:8081/ws DEVMESH_API_KEY=… node --conditions=devmesh-source examples/text-summarize.ts
import { readCount, readText } from "./read-input.ts";
import { runExample } from "./run-example.ts";
import { summarize } from "./summarize.ts";

await runExample("text.summarize", ({ input }) => {
  const maxSentences = readCount(input, "maxSentences", { max: 100, fallback: 3 });
  return summarize(readText(input, "text"), maxSentences);
});
