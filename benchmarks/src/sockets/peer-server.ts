import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A server to be measured beside, in a process of its own. */
export interface PeerServer extends AsyncDisposable {
  readonly port: number;
  /** Socket.IO's alone: to everybody who is connected. */
  emit(message: object): void;
}

export async function startPeerServer(kind: "ws" | "socket.io" | "socket.io-recovery"): Promise<PeerServer> {
  const file = fileURLToPath(new URL("./peer-server-process.ts", import.meta.url));
  const child = fork(file, [kind], {
    execArgv: ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning"],
  });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return {
    port,
    emit: (message) => child.send(message),
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
