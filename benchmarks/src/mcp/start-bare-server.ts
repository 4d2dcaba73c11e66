import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The SDK's own server in a process of its own. */
export interface BareServer extends AsyncDisposable {
  readonly url: string;
}

/** Starts it with so many tools. */
export async function startBareServer(tools: number): Promise<BareServer> {
  const file = fileURLToPath(new URL("./bare-server-process.ts", import.meta.url));
  const execArgv = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning"];
  const child = fork(file, [String(tools)], { execArgv });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
