import { decodeMessage, encodeMessage } from "@devmesh/protocol";
import { expect, test } from "vitest";
import { Outbox } from "./outbox.ts";

test("keeps the order of frames while a large one is compressed off the thread", async () => {
  const sent: Uint8Array[] = [];
  const socket = { bufferedAmount: 0, send: (data: Uint8Array) => void sent.push(data) };
  const outbox = new Outbox({ socket, beforeFlush: () => undefined, onDrain: () => undefined });
  outbox.send(encodeMessage("TASK_GET", { id: "1", taskId: "t" }));
  outbox.send(encodeMessage("TASK_SUBMIT", { id: "2", task: "x".repeat(200_000) }));
  await new Promise((resolve) => setImmediate(resolve));
  outbox.send(encodeMessage("ACK", { seq: 1 }));
  expect(sent).toEqual([]);
  await outbox.finish();
  const types = sent.flatMap((data) => decodeMessage(data)).map(({ type }) => type);
  expect(types).toEqual([0x020b, 0x020a, 0x0006]);
});

test("says when it is full, and when there is room again", async () => {
  const written: (() => void)[] = [];
  const socket = { bufferedAmount: 0, send: (_data: Uint8Array, done: () => void) => void written.push(done) };
  const drains: string[] = [];
  const onDrain = (): void => void drains.push("drain");
  const outbox = new Outbox({ socket, beforeFlush: () => undefined, onDrain });
  outbox.send(encodeMessage("ACK", { seq: 1 }));
  await new Promise((resolve) => setImmediate(resolve));
  socket.bufferedAmount = 5_000_000;
  expect(outbox.canWrite()).toBe(false);
  socket.bufferedAmount = 0;
  for (const done of written) done();
  expect(drains).toEqual(["drain"]);
});
