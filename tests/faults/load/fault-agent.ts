// Several agents as one process, whose handlers take as long as the task says, fail, reject, or are deaf. What they saw
// goes to a file, line by line, for the check afterwards.
import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { connectAgent, type TaskContext, TaskFailure, type TaskHandler } from "@devmesh/agent-sdk";
import type { Observation, WorkInput } from "./observation.ts";

interface AgentSetting {
  readonly name: string;
  readonly url: string;
  readonly concurrency: number;
  /** Has handlers for the tasks that the others reject. */
  readonly isVersatile: boolean;
}

const settings = JSON.parse(process.env["FAULT_AGENTS"] ?? "[]") as readonly AgentSetting[];
const file = process.env["FAULT_FILE"] ?? "";
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

function observe(observation: Observation): void {
  appendFileSync(file, `${JSON.stringify(observation)}\n`);
}

async function runAgent({ name, url, concurrency, isVersatile }: AgentSetting): Promise<void> {
  const agent = await connectAgent({
    url,
    apiKey: process.env["DEVMESH_API_KEY"] ?? "",
    name,
    capabilities: [{ name: "work" }],
    maxConcurrency: concurrency,
    graceMs: 1_000,
    signal: stop.signal,
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
    (act: (input: WorkInput, ctx: TaskContext) => Promise<void>): TaskHandler =>
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
  await agent.handle({
    echo: handler(({ workMs }, { signal }) => delay(workMs, undefined, { signal })),
    // goes on whatever it is told
    deaf: handler(({ workMs }) => delay(workMs)),
    flaky: handler(async ({ workMs }, { signal, attempt }) => {
      await delay(workMs, undefined, { signal });
      if (attempt === 1) throw new TaskFailure("retryable", "not the first time", { retryAfterMs: 100 });
    }),
    doomed: handler(async () => {
      throw new TaskFailure("permanent", "never");
    }),
    ...(isVersatile && { picky: handler(({ workMs }, { signal }) => delay(workMs, undefined, { signal })) }),
  });
}

try {
  await Promise.all(settings.map(runAgent));
} catch (error) {
  observe({ what: "gave_up", error: String(error) });
  process.exitCode = 1;
}
