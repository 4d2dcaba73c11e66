import { decodeMessage, type Frame } from "@devmesh/protocol";
import { expect, test } from "vitest";
import { Outbound } from "./outbound.ts";

const large = 100_000;

/** A socket that takes nothing until it is told to. */
function createFakes() {
  const messages: Uint8Array[] = [];
  const told: string[] = [];
  let untaken: (() => void)[] = [];
  let isAsked = false;
  const outbound = new Outbound({
    socket: {
      send: (message, done) => {
        messages.push(message);
        untaken.push(done);
      },
    },
    requestFlush: () => {
      isAsked = true;
    },
    onSlow: (isSlow) => told.push(isSlow ? "slow" : "caught up"),
    onOverflow: () => told.push("overflow"),
    onWritten: () => undefined,
    onError: (error) => told.push(String(error)),
  });
  return {
    outbound,
    messages,
    told,
    endTurn: () => {
      isAsked = false;
      outbound.flush();
    },
    isAsked: () => isAsked,
    take: () => {
      const taken = untaken;
      untaken = [];
      for (const done of taken) done();
    },
  };
}

function frame(type: number, bytes = 10): Frame {
  return { type, payload: new Uint8Array(bytes).fill(type) };
}

/** Can't be compressed. */
function noise(type: number, bytes: number): Frame {
  const payload = new Uint8Array(bytes);
  let state = 1;
  for (let i = 0; i < bytes; i++) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    payload[i] = state >> 16;
  }
  return { type, payload };
}

function typesOf(messages: readonly Uint8Array[]): number[][] {
  return messages.map((message) => decodeMessage(message).map(({ type }) => type));
}

test("sends the frames of one turn as one message, in order", () => {
  const { outbound, messages, endTurn } = createFakes();
  for (const type of [1, 2, 3]) outbound.send(frame(type));
  expect(messages).toEqual([]);
  endTurn();
  outbound.send(frame(4));
  endTurn();
  expect(typesOf(messages)).toEqual([[1, 2, 3], [4]]);
});

test("keeps the order while a large message is compressed elsewhere", async () => {
  const { outbound, messages, endTurn } = createFakes();
  outbound.send(frame(1, large));
  endTurn();
  outbound.send(frame(2));
  endTurn();
  expect(messages).toEqual([]);
  await expect.poll(() => messages.length).toBe(2);
  expect(typesOf(messages)).toEqual([[1], [2]]);
});

test("tells of a slow reader past 4 MiB that a turn has left unsent, and again below half", () => {
  const { outbound, told, endTurn, take } = createFakes();
  for (let i = 0; i < 70; i++) {
    outbound.send(noise(1, 60_000));
    endTurn();
  }
  expect(outbound.unsentBytes).toBeGreaterThan(4_194_304);
  expect(told).toEqual([]);
  endTurn();
  expect(told).toEqual(["slow"]);
  expect(outbound.isSlow).toBe(true);
  take();
  expect(told).toEqual(["slow", "caught up"]);
  expect(outbound.unsentBytes).toBe(0);
});

test("tells of a slow reader past 1,000 unsent frames, but not of 1,000 that go in one turn", () => {
  const { outbound, told, endTurn, take } = createFakes();
  for (let i = 0; i < 1_500; i++) outbound.send(frame(1));
  endTurn();
  take();
  endTurn();
  expect(told).toEqual([]);
  for (let i = 0; i < 1_001; i++) outbound.send(frame(1));
  endTurn();
  endTurn();
  expect(told).toEqual(["slow"]);
});

test("gives a client up that leaves more than 16 MiB unread, once", () => {
  const { outbound, told } = createFakes();
  for (let i = 0; i < 20; i++) outbound.send(frame(1, 1_000_000));
  expect(told).toEqual(["overflow"]);
});

test("refuses a frame that no receiver would take, and goes on", () => {
  const { outbound, messages, endTurn } = createFakes();
  expect(() => outbound.send(frame(1, 10_485_760))).toThrow(
    expect.objectContaining({ code: "resource_exhausted", reason: "payload_too_large" }),
  );
  outbound.send(frame(2));
  endTurn();
  expect(typesOf(messages)).toEqual([[2]]);
});

test("ends after what was sent before, and takes nothing more", () => {
  const { outbound, messages, endTurn, isAsked } = createFakes();
  let ends = 0;
  outbound.send(frame(1));
  outbound.end(() => ends++);
  outbound.send(frame(2));
  expect([ends, isAsked()]).toEqual([0, true]);
  endTurn();
  endTurn();
  expect(ends).toBe(1);
  expect(typesOf(messages)).toEqual([[1]]);
});
