import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type ServiceProcess, startProcess } from "@devmesh/testing";
import type { AgentSetting } from "./agent-setting.ts";
import type { Observation } from "./observation.ts";

const program = fileURLToPath(new URL("./fault-agent.ts", import.meta.url));

/** A process with some agents, that can be killed and started again. */
export interface AgentHost extends AsyncDisposable {
  readonly process: ServiceProcess;
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** What its agents saw, over all starts. */
  observations(): Promise<readonly Observation[]>;
}

/** Who is in it, and where what they see is kept. */
export interface AgentHostOptions {
  readonly apiKey: string;
  readonly file: string;
  readonly agents: readonly AgentSetting[];
}

/** Starts the process; its agents connect by themselves. */
export async function openAgentHost({ apiKey, file, agents }: AgentHostOptions): Promise<AgentHost> {
  const launch = (env: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> =>
    startProcess(process.execPath, ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning", program], {
      env: { DEVMESH_API_KEY: apiKey, FAULT_AGENTS: JSON.stringify(agents), FAULT_FILE: file, ...env },
    });
  let running = await launch();
  return {
    get process() {
      return running;
    },
    start: async (env) => {
      running = await launch(env);
    },
    observations: async () => {
      const text = await readFile(file, "utf8").catch(() => "");
      const lines = text.split("\n").filter((line) => line.endsWith("}"));
      return lines.map((line) => JSON.parse(line) as Observation);
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
