// Usage: DEVMESH_WS_URL=ws://127.0.0.1:8081/ws DEVMESH_API_KEY=… node --conditions=devmesh-source examples/text-keywords.ts
import { extractKeywords } from "./extract-keywords.ts";
import { readCount, readText } from "./read-input.ts";
import { runExample } from "./run-example.ts";

await runExample("text.keywords", ({ input }) => {
  const limit = readCount(input, "limit", { max: 200, fallback: 10 });
  return { keywords: extractKeywords(readText(input, "text"), limit) };
});
