import { setTimeout as delay } from "node:timers/promises";
import { connectAgent } from "@devmesh/agent-sdk";
import type { Fleet } from "@devmesh/tests/fleet";
import { io } from "socket.io-client";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";
import { startPeerServer } from "./peer-server.ts";

/** Parts of the messages sent that arrived, from 0 to 1, while the receiver's network is gone for 2 s again and again. */
export interface Delivered {
  readonly devmesh: number;
  readonly socketIo: number;
  readonly socketIoRecovery: number;
}

const dropMs = 2_000;
const betweenMs = 3_000;
const perSecond = 50;

export async function measureDelivered(fleet: Fleet, drops: number): Promise<Delivered> {
  return {
    devmesh: await ofMesh(fleet, drops),
    socketIo: await ofSocketIo("socket.io", drops),
    socketIoRecovery: await ofSocketIo("socket.io-recovery", drops),
  };
}

async function ofMesh(fleet: Fleet, drops: number): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const url = new URL(fleet.mcp[0]?.url ?? "");
  const proxy = stack.use(await startCuttingProxy(Number(url.port)));
  const connect = (name: string, port: number | string): ReturnType<typeof connectAgent> =>
    connectAgent({ url: `ws://127.0.0.1:${port}/ws`, apiKey: fleet.apiKey, name, capabilities: [] });
  const sender = stack.use(await connect("drops-sender", url.port));
  const receiver = stack.use(await connect("drops-receiver", proxy.port));
  const seen = new Set<number>();
  receiver.onMessage(({ content }) => {
    seen.add(content as number);
  });
  void receiver.handle({}).catch(() => undefined);
  const pending: Promise<unknown>[] = [];
  const sent = await sendThroughDrops(proxy, drops, (number) => {
    pending.push(sender.send({ to: "drops-receiver", kind: "drop", content: number }));
  });
  await Promise.all(pending);
  await settle(() => seen.size === sent);
  return seen.size / sent;
}

async function ofSocketIo(kind: "socket.io" | "socket.io-recovery", drops: number): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startPeerServer(kind));
  const proxy = stack.use(await startCuttingProxy(server.port));
  const socket = io(`http://127.0.0.1:${proxy.port}`, { transports: ["websocket"] });
  stack.defer(() => void socket.close());
  const seen = new Set<number>();
  socket.on("message", ({ number }: { number: number }) => seen.add(number));
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const sent = await sendThroughDrops(proxy, drops, (number) => server.emit({ number }));
  await settle(() => seen.size === sent);
  return seen.size / sent;
}

/** Gives how many were sent. Ends with the network whole. */
async function sendThroughDrops(proxy: CuttingProxy, drops: number, send: (number: number) => void): Promise<number> {
  let number = 0;
  const timer = setInterval(() => send(number++), 1_000 / perSecond);
  for (let drop = 0; drop < drops; drop++) {
    await delay(betweenMs);
    proxy.cut();
    await delay(dropMs);
    proxy.heal();
  }
  await delay(betweenMs);
  clearInterval(timer);
  return number;
}

/** Waits for what is still under way, at most 15 s. */
async function settle(isDone: () => boolean): Promise<void> {
  for (let tries = 0; tries < 150 && !isDone(); tries++) await delay(100);
}
