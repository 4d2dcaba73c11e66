import { connectAgent, type TaskHandler } from "@devmesh/agent-sdk";
import { type Act, acts } from "./acts.ts";
import type { AgentDeps, AgentSetting } from "./agent-setting.ts";
import type { WorkInput } from "./observation.ts";

/** An agent of the SDK: tasks come to it over its socket. Resolves when it is ready. */
export async function runPushAgent(setting: AgentSetting, { apiKey, observe, signal }: AgentDeps): Promise<void> {
  const { name, urls, concurrency, isVersatile } = setting;
  const agent = await connectAgent({
    url: `${urls[0]?.replace("http", "ws")}/ws`,
    apiKey,
    name,
    capabilities: [{ name: "work" }],
    maxConcurrency: concurrency,
    graceMs: 1_000,
    signal,
    onEvent: (event) => {
      if (event.type === "recorded") {
        observe({ what: "recorded", agent: name, taskId: event.taskId, taskState: event.taskState });
      }
      if (event.type === "dropped" && event.error.reason === "stale_assignment") {
        observe({ what: "fenced_out", agent: name, taskId: event.taskId });
      }
    },
  });
  console.log("agent is ready");
  const handler =
    (act: Act): TaskHandler =>
    async (task, ctx) => {
      const { taskId, assignmentId, fence } = ctx;
      const seen = { agent: name, taskId, assignmentId, fence };
      try {
        await act(task.input as WorkInput, ctx);
      } catch (error) {
        observe({ what: "threw", ...seen });
        throw error;
      }
      observe({ what: "returned", ...seen });
      return { number: (task.input as WorkInput).number, assignmentId, fence };
    };
  const { picky, ...others } = acts;
  const offered = Object.entries(isVersatile ? acts : others);
  await agent.handle(Object.fromEntries(offered.map(([kind, act]) => [kind, handler(act)])));
}
