import { once } from "node:events";
import { decodeMessage, encodeFrames, encodeMessage, type Frame, HEADER_BYTES, subprotocol } from "@devmesh/protocol";
import type { Fleet } from "@devmesh/tests/fleet";
import { io } from "socket.io-client";
import { WebSocket } from "ws";
import { median } from "../figures.ts";
import { startPeerServer } from "./peer-server.ts";

const connections = 20;
const frameBytes = 225;

/** Echoes a second, by who sent them; a connection sends its next message when the one before is answered. */
export interface Echoes {
  readonly devmesh: number;
  /** Frames, in messages of 100. */
  readonly devmeshBatches: number;
  readonly ws: number;
  readonly socketIo: number;
}

/** One message out; resolves with how many frames came back when all of it is answered. */
type Echo = () => Promise<number>;

/** Peers and ours take turns, so that what else the machine does harms all. */
export async function measureEchoes(
  fleet: Fleet,
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<Echoes> {
  await using stack = new AsyncDisposableStack();
  const sides = {
    devmesh: await openAll(() => openMesh(fleet, 1, stack)),
    devmeshBatches: await openAll(() => openMesh(fleet, 100, stack)),
    ws: await openWs(stack),
    socketIo: await openSocketIo(stack),
  };
  const measured: Record<keyof Echoes, number[]> = { devmesh: [], devmeshBatches: [], ws: [], socketIo: [] };
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.keys(sides) as (keyof Echoes)[]) {
      measured[name].push(await echoFor(sides[name], seconds * 1_000));
    }
  }
  const { devmesh, devmeshBatches, ws, socketIo } = measured;
  return {
    devmesh: median(devmesh),
    devmeshBatches: median(devmeshBatches),
    ws: median(ws),
    socketIo: median(socketIo),
  };
}

function openAll(open: () => Promise<Echo>): Promise<readonly Echo[]> {
  return Promise.all(Array.from({ length: connections }, open));
}

async function echoFor(echoes: readonly Echo[], forMs: number): Promise<number> {
  const begunAt = performance.now();
  const endsAt = begunAt + forMs;
  let count = 0;
  const loop = async (echo: Echo): Promise<void> => {
    while (performance.now() < endsAt) count += await echo();
  };
  await Promise.all(echoes.map(loop));
  return (count * 1_000) / (performance.now() - begunAt);
}

let opened = 0;

/** PING → PONG through a real mcp-server. */
async function openMesh(fleet: Fleet, size: number, stack: AsyncDisposableStack): Promise<Echo> {
  const socket = new WebSocket(`${fleet.mcp[0]?.url.replace("http", "ws")}/ws`, subprotocol, {
    headers: { authorization: `Bearer ${fleet.apiKey}` },
    perMessageDeflate: false,
  });
  stack.defer(() => socket.terminate());
  await once(socket, "open");
  await send(socket, [encodeMessage("HELLO", { id: "h", agentName: `socket-${opened++}` })]);
  await once(socket, "message");
  const frames = new Array<Frame>(size).fill(makePing());
  return async () => {
    await send(socket, frames);
    let answered = 0;
    while (answered < size) {
      const [data] = (await once(socket, "message")) as [Buffer];
      answered += decodeMessage(data).length;
    }
    return answered;
  };
}

/** A PING of 225 bytes, by a field that no receiver reads. */
function makePing(): Frame {
  const { type, payload } = encodeMessage("PING", { id: "p", at: new Date().toISOString() });
  const fields = JSON.parse(Buffer.from(payload).toString()) as object;
  const bare = JSON.stringify({ ...fields, padding: "" });
  const padding = "x".repeat(frameBytes - HEADER_BYTES - bare.length);
  return { type, payload: Buffer.from(JSON.stringify({ ...fields, padding })) };
}

async function send(socket: WebSocket, frames: readonly Frame[]): Promise<void> {
  for (const bytes of await encodeFrames(frames)) socket.send(bytes);
}

async function openWs(stack: AsyncDisposableStack): Promise<readonly Echo[]> {
  const { port } = stack.use(await startPeerServer("ws"));
  const data = Buffer.alloc(frameBytes, "x");
  return openAll(async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    stack.defer(() => socket.terminate());
    await once(socket, "open");
    return async () => {
      socket.send(data);
      await once(socket, "message");
      return 1;
    };
  });
}

async function openSocketIo(stack: AsyncDisposableStack): Promise<readonly Echo[]> {
  const { port } = stack.use(await startPeerServer("socket.io"));
  const data = Buffer.alloc(frameBytes, "x");
  return openAll(async () => {
    const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true });
    stack.defer(() => void socket.close());
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    return () =>
      new Promise<number>((resolve) => {
        socket.once("echo", () => resolve(1));
        socket.emit("echo", data);
      });
  });
}
