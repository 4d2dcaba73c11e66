import { once } from "node:events";
import { decodeMessage, encodeFrames, encodeMessage, type Frame, subprotocol } from "@devmesh/protocol";
import { type Fleet, openFleet } from "@devmesh/tests/fleet";
import { WebSocket } from "ws";
import { median, printTable, rounded } from "./figures.ts";

const rounds = 3;
const secondsPerRound = 3;
const connections = 20;

/** PING to PONG through a real mcp-server, frames one by one and in batches of 100, per second. */
export async function benchSockets(): Promise<void> {
  await using fleet = await openFleet({ fsync: true, times: {} });
  const sockets = await Promise.all(Array.from({ length: connections }, (_, index) => openSocket(fleet, index)));
  const measure = async (size: number): Promise<string> => {
    const results: number[] = [];
    for (let round = 0; round < rounds; round++) results.push(await echoFor(sockets, size));
    return rounded(median(results));
  };
  printTable(
    `Socket, PING → PONG, ${connections} connections`,
    ["frames a message", "echoes/s, median"],
    [
      ["1", await measure(1)],
      ["100", await measure(100)],
    ],
  );
  for (const socket of sockets) socket.terminate();
}

async function openSocket(fleet: Fleet, index: number): Promise<WebSocket> {
  const url = `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`;
  const socket = new WebSocket(url, subprotocol, {
    headers: { authorization: `Bearer ${fleet.apiKey}` },
    perMessageDeflate: false,
  });
  await once(socket, "open");
  await send(socket, [encodeMessage("HELLO", { id: "h", agentName: `socket-${index}` })]);
  await once(socket, "message");
  return socket;
}

/** Each connection sends its next message when all frames of the one before are answered. */
async function echoFor(sockets: readonly WebSocket[], size: number): Promise<number> {
  const begunAt = performance.now();
  const endsAt = begunAt + secondsPerRound * 1_000;
  const counts = await Promise.all(sockets.map((socket) => echoLoop(socket, size, endsAt)));
  return (counts.reduce((sum, count) => sum + count, 0) * 1_000) / (performance.now() - begunAt);
}

async function echoLoop(socket: WebSocket, size: number, endsAt: number): Promise<number> {
  const ping = encodeMessage("PING", { id: "p", at: new Date().toISOString() });
  const frames = new Array<Frame>(size).fill(ping);
  let echoed = 0;
  while (performance.now() < endsAt) {
    await send(socket, frames);
    for (let missing = size; missing > 0; ) {
      const [data] = (await once(socket, "message")) as [Buffer];
      const answered = decodeMessage(data).length;
      missing -= answered;
      echoed += answered;
    }
  }
  return echoed;
}

async function send(socket: WebSocket, frames: readonly Frame[]): Promise<void> {
  for (const bytes of await encodeFrames(frames)) socket.send(bytes);
}
