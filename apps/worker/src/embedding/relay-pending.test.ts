import { randomUUID } from "node:crypto";
import type { FailedMessage, OutgoingMessage } from "@devmesh/adapters";
import { type PendingStore, parseEmbeddingMessage } from "@devmesh/embedding";
import { AppError, type CollectionId, type DocumentId, type TenantId } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import { createNudge } from "@devmesh/runtime";
import { afterEach, expect, test } from "vitest";
import { relayPending } from "./relay-pending.ts";

type Claimed = Awaited<ReturnType<PendingStore["claim"]>>;

const logger = createLogger({ level: "silent", service: "worker" });
const tenantId = randomUUID() as TenantId;
const end = { controller: new AbortController(), relay: Promise.resolve() };
afterEach(async () => {
  end.controller.abort();
  await end.relay;
});

/** Relays `waiting` documents until the test ends. */
function start(waiting: number, { isAway = () => false }: { isAway?: () => boolean } = {}) {
  const state = { waiting, claimed: 0, backlogs: 0, lags: [] as number[], claims: [] as number[] };
  const sent: number[] = [];
  const nudge = createNudge();
  const document = () => ({
    tenantId,
    collectionId: randomUUID() as CollectionId,
    documentId: randomUUID() as DocumentId,
    version: 1,
  });
  const pending: Pick<PendingStore, "claim" | "backlog"> = {
    backlog: async () => {
      state.backlogs++;
      const isIdle = state.waiting + state.claimed === 0;
      return { claimed: state.claimed, oldestSeconds: isIdle ? undefined : 7 };
    },
    claim: async (limit): Promise<Claimed> => {
      const count = Math.min(limit, state.waiting);
      state.claims.push(limit);
      state.waiting -= count;
      state.claimed += count;
      return Array.from({ length: count }, document);
    },
  };
  const queue = {
    sendBatch: async (messages: readonly OutgoingMessage[]): Promise<readonly FailedMessage[]> => {
      if (isAway()) return messages.map(({ id }) => ({ id, error: new AppError("unavailable", "away") }));
      sent.push(...messages.map(({ body }) => parseEmbeddingMessage(body).documents.length));
      return [];
    },
  };
  end.controller = new AbortController();
  const metrics = createMetrics("worker");
  end.relay = relayPending(
    {
      ...{ pending, queue, nudge, logger, claimMs: 1_000 },
      onLag: (seconds) => state.lags.push(seconds),
      sent: metrics.counter({ name: "sent_total", help: "sent", labels: ["outcome"] as const }),
    },
    end.controller.signal,
  );
  return { state, sent, nudge };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

test("sends no more than may be on the way, and goes on when there is room", async () => {
  const { state, sent, nudge } = start(2_600);
  await expect.poll(() => sum(sent)).toBe(2_000);
  expect(Math.max(...sent)).toBe(50);
  expect(state.claims).toEqual([500, 500, 500, 500]);
  state.claimed = 100;
  nudge.nudge();
  await expect.poll(() => sum(sent)).toBe(2_600);
  expect(state.lags[0]).toBe(7);
});

test("asks once where nothing waits, and again when nudged", async () => {
  const { state, sent, nudge } = start(0);
  await expect.poll(() => state.lags).toEqual([0]);
  expect(state.claims).toEqual([]);
  state.waiting = 3;
  nudge.nudge();
  await expect.poll(() => sum(sent)).toBe(3);
});

test("keeps what SQS does not take, and claims nothing more until it did", async () => {
  let isAway = true;
  const { state, sent } = start(60, { isAway: () => isAway });
  await expect.poll(() => state.claims).toEqual([500]);
  isAway = false;
  await expect.poll(() => sum(sent)).toBe(60);
  expect(state.claims[0]).toBe(500);
});
