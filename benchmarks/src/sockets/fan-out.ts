import { connectAgent } from "@devmesh/agent-sdk";
import type { Fleet } from "@devmesh/tests/fleet";
import { median } from "../figures.ts";

/** Milliseconds from one agent's broadcast until all others have heard it; median of some. */
export async function measureFanOut(
  fleet: Fleet,
  { agents, turns }: { readonly agents: number; readonly turns: number },
): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const url = `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`;
  const connect = async (name: string): ReturnType<typeof connectAgent> =>
    stack.use(await connectAgent({ url, apiKey: fleet.apiKey, name, capabilities: [] }));
  let heard = 0;
  let onHeard = (): void => undefined;
  for (let first = 0; first < agents; first += 100) {
    const some = Array.from({ length: Math.min(100, agents - first) }, (_, index) =>
      connect(`hearer-${first + index}`),
    );
    for (const agent of await Promise.all(some)) {
      agent.onMessage(() => {
        heard++;
        onHeard();
      });
      void agent.handle({}).catch(() => undefined);
    }
  }
  const sender = await connect("broadcaster");
  const tookMs: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    heard = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`${heard} of ${agents} agents heard it in 30 s`)), 30_000);
    onHeard = () => {
      if (heard === agents) resolve();
    };
    const begunAt = performance.now();
    await sender.send({ broadcast: true, kind: "fan-out", content: turn });
    await promise;
    clearTimeout(timer);
    tookMs.push(performance.now() - begunAt);
  }
  return median(tookMs);
}
