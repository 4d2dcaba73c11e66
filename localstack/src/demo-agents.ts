import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { sleep } from "@devmesh/runtime";
import type { EmbeddedMesh } from "./embedded.ts";

const examplesDir = new URL("../../packages/agent-sdk/examples/", import.meta.url);
const endWithParent = new URL("./end-with-parent.ts", import.meta.url).href;
const exampleFiles = ["text-summarize.ts", "text-keywords.ts", "code-metrics.ts"];
/** Judgement: an agent with nothing in hand leaves in some milliseconds. */
const leaveMs = 2_000;

/** The demo agents, each a process of its own, as a user's would be. Disposing ends them. */
export function startDemoAgents(mesh: EmbeddedMesh, print: (line: string) => void): AsyncDisposable {
  const children = exampleFiles.map((file) => startAgent(file, mesh));
  let isStopping = false;
  for (const { stderr } of children) {
    if (stderr === null) continue;
    createInterface({ input: stderr }).on("line", (line) => {
      if (!isStopping) print(`  ${line}`);
    });
  }
  return {
    [Symbol.asyncDispose]: async () => {
      isStopping = true;
      await Promise.all(children.map(endChild));
    },
  };
}

function startAgent(file: string, { wsUrl, agentKey }: EmbeddedMesh): ChildProcess {
  const script = fileURLToPath(new URL(file, examplesDir));
  const flags = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning", `--import=${endWithParent}`];
  const child = spawn(process.execPath, [...flags, script], {
    env: { ...process.env, DEVMESH_WS_URL: wsUrl, DEVMESH_API_KEY: agentKey, DEVMESH_AGENT_NAME: nameOf(file) },
    stdio: ["pipe", "ignore", "pipe"],
    // In a group of its own: Ctrl-C is this process's affair, which ends its agents before the mesh.
    detached: true,
  });
  // Without a listener it would end this process; that there is no agent shows in the tasks.
  child.on("error", () => undefined);
  return child;
}

function nameOf(file: string): string {
  return `demo-${file.replace(".ts", "")}`;
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const waited = new AbortController();
  await Promise.race([exited, sleep(leaveMs, waited.signal)]);
  waited.abort();
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await exited;
}
