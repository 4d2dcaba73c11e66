// Several agents as one process, by socket and by MCP, whose tasks take as long as they say, fail, are rejected, or are
// done by the deaf. What the agents saw goes to a file, line by line, for the check afterwards.
import { appendFileSync } from "node:fs";
import type { AgentDeps, AgentSetting } from "./agent-setting.ts";
import { runPullAgent } from "./pull-agent.ts";
import { runPushAgent } from "./push-agent.ts";

const settings = JSON.parse(process.env["FAULT_AGENTS"] ?? "[]") as readonly AgentSetting[];
const file = process.env["FAULT_FILE"] ?? "";
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

const deps: AgentDeps = {
  apiKey: process.env["DEVMESH_API_KEY"] ?? "",
  observe: (observation) => appendFileSync(file, `${JSON.stringify(observation)}\n`),
  signal: stop.signal,
};

try {
  const run = { push: runPushAgent, pull: runPullAgent };
  await Promise.all(settings.map((setting) => run[setting.delivery](setting, deps)));
} catch (error) {
  if (!stop.signal.aborted) {
    deps.observe({ what: "gave_up", error: String(error) });
    process.exitCode = 1;
  }
}
