// A process full of agents for a benchmark: argv is the socket's URL, the key, how many agents, and the slots of each.
// Tells its parent, each 50 ms, how many results were recorded and how long tasks took from submit to handler.
import { connectAgent } from "@devmesh/agent-sdk";

const [url = "", apiKey = "", agents = "1", slots = "1"] = process.argv.slice(2);
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
process.once("disconnect", () => process.exit());

let recorded = 0;
let pickupsMs: number[] = [];

const connected = await Promise.all(
  Array.from({ length: Number(agents) }, (_, index) =>
    connectAgent({
      url,
      apiKey,
      name: `bench-${index}`,
      capabilities: [{ name: "bench" }],
      maxConcurrency: Number(slots),
      signal: stop.signal,
      onEvent: ({ type }) => {
        if (type === "recorded") recorded++;
      },
    }),
  ),
);
const handlers = {
  bench: (task: { readonly input?: unknown }) => {
    const { submittedAtMs } = task.input as { submittedAtMs: number };
    pickupsMs.push(performance.timeOrigin + performance.now() - submittedAtMs);
    return Promise.resolve(null);
  },
};
for (const agent of connected) void agent.handle(handlers);
process.send?.({ ready: true });
setInterval(() => {
  process.send?.({ recorded, pickupsMs });
  pickupsMs = [];
}, 50);
