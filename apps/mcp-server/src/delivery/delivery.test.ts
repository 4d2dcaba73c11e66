import type { AgentId, AssignmentId, Task, TenantId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { describe, expect, test } from "vitest";
import type { Connection } from "../connections/connection.ts";
import type { AssignFrame, DeliveryFrame } from "../stores.ts";
import { createDelivery } from "./delivery.ts";

const tenantId = "t" as TenantId;
const agentId = "a" as AgentId;

function frameOf(seq: number): AssignFrame {
  const ids = { tenantId, agentId, seq, assignmentId: `assignment ${seq}` as AssignmentId };
  return { ...ids, kind: "assign", fence: 1, leaseMs: 30, acceptMs: 10, ageMs: 2, task: {} as Task };
}

/** A registered agent to which `sentSeq` frames were sent, and a mailbox whose reads end when they are told to. */
function createFakes(changed: Partial<Pick<Connection, "isSlow" | "wasWelcomed" | "state">> = {}) {
  let now = 1_000;
  const sent: unknown[] = [];
  const refused: number[] = [];
  const reads: ((frames: readonly DeliveryFrame[]) => void)[] = [];
  const connection = {
    tenantId,
    state: { kind: "registered", agentName: "a", agentId },
    wasWelcomed: true,
    isSlow: false,
    isReading: false,
    sentSeq: 4,
    sendFrame: ({ payload }: { payload: Uint8Array }) => {
      const { seq, assignmentId, ageMs } = JSON.parse(new TextDecoder().decode(payload));
      sent.push([seq, assignmentId, ageMs]);
    },
    ...changed,
  } as unknown as Connection;
  const delivery = createDelivery({
    store: { findFrames: () => new Promise((resolve) => reads.push(resolve)) },
    connections: () => [connection],
    mailboxSweepMs: 1_000,
    look: async () => undefined,
    onUndeliverable: (_, { seq }) => refused.push(seq),
    now: () => now,
    logger: { warn: () => undefined } as unknown as Logger,
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const pass = (ms: number): void => {
    now += ms;
  };
  return { delivery, connection, sent, refused, reads, turn, pass };
}

describe("an offer", () => {
  test("goes out at once, one after the other, where it is the next frame", async () => {
    const { delivery, connection, sent, reads, turn } = createFakes();
    delivery.offer(connection, frameOf(5));
    delivery.offer(connection, frameOf(6));
    expect(sent).toEqual([
      [5, "assignment 5", 2],
      [6, "assignment 6", 2],
    ]);
    expect(connection.sentSeq).toBe(6);
    await turn();
    expect(reads).toHaveLength(0);
  });

  test.each([
    ["behind a gap", {}, 6],
    ["a second time", {}, 4],
  ])("is read with the rest where it comes %s", async (_, changed, seq) => {
    const { delivery, connection, sent, reads, turn } = createFakes(changed);
    delivery.offer(connection, frameOf(seq));
    await turn();
    expect({ sent, reads: reads.length, sentSeq: connection.sentSeq }).toEqual({ sent: [], reads: 1, sentSeq: 4 });
  });

  test.each<[string, Parameters<typeof createFakes>[0]]>([
    ["reads too slowly", { isSlow: true }],
    ["had no WELCOME yet", { wasWelcomed: false }],
    ["is not registered", { state: { kind: "greeted", agentName: "a" } }],
    ["is closed", { state: { kind: "closed" } }],
  ])("is left alone where the client %s", async (_, changed) => {
    const { delivery, connection, sent, reads, turn } = createFakes(changed);
    delivery.offer(connection, frameOf(5));
    await turn();
    expect({ sent, reads: reads.length, sentSeq: connection.sentSeq }).toEqual({ sent: [], reads: 0, sentSeq: 4 });
  });

  test("is followed by a read where it came late, perhaps, and a wake came before it", async () => {
    const { delivery, connection, sent, reads, turn, pass } = createFakes();
    const hinted = (seq: number): AssignFrame => ({ ...frameOf(seq), ageMs: undefined });
    delivery.offer(connection, hinted(5));
    await turn();
    expect(reads).toHaveLength(0);
    delivery.wake(connection);
    await turn();
    reads[0]?.([]);
    await expect.poll(() => connection.isReading).toBe(false);
    delivery.offer(connection, hinted(6));
    await turn();
    expect(reads).toHaveLength(2);
    reads[1]?.([]);
    await expect.poll(() => connection.isReading).toBe(false);
    pass(5_000);
    delivery.offer(connection, hinted(7));
    await turn();
    expect(reads).toHaveLength(2);
    expect(sent).toEqual([
      [5, "assignment 5", undefined],
      [6, "assignment 6", undefined],
      [7, "assignment 7", undefined],
    ]);
  });

  test("waits for a read that is under way, and goes by what the next one finds", async () => {
    const { delivery, connection, sent, reads, turn } = createFakes();
    delivery.wake(connection);
    await turn();
    expect(reads).toHaveLength(1);
    delivery.offer(connection, frameOf(5));
    await turn();
    expect(sent).toEqual([]);
    reads[0]?.([]);
    await expect.poll(() => reads).toHaveLength(2);
    reads[1]?.([frameOf(5), frameOf(6)]);
    await expect.poll(() => connection.isReading).toBe(false);
    expect(sent).toEqual([
      [5, "assignment 5", 2],
      [6, "assignment 6", 2],
    ]);
    delivery.offer(connection, frameOf(7));
    expect(connection.sentSeq).toBe(7);
  });
});

describe("a read", () => {
  test("goes on where it was cut, at once", async () => {
    const { delivery, connection, sent, reads, turn } = createFakes();
    delivery.wake(connection);
    await turn();
    reads[0]?.([frameOf(5), { tenantId, agentId, seq: 6, kind: "later" }]);
    await expect.poll(() => reads).toHaveLength(2);
    expect([sent.length, connection.sentSeq]).toEqual([1, 5]);
    reads[1]?.([frameOf(6)]);
    await expect.poll(() => connection.isReading).toBe(false);
    expect([sent.length, connection.sentSeq, reads.length]).toEqual([2, 6, 2]);
  });

  test("passes over a task whose dependencies gave more than a message holds, and has it refused", async () => {
    const { delivery, connection, sent, refused, reads, turn } = createFakes();
    delivery.wake(connection);
    await turn();
    reads[0]?.([{ ...frameOf(5), isTooLarge: true }, frameOf(6)]);
    await expect.poll(() => connection.isReading).toBe(false);
    expect({ sent, refused, sentSeq: connection.sentSeq }).toEqual({
      sent: [[6, "assignment 6", 2]],
      refused: [5],
      sentSeq: 6,
    });
  });
});
