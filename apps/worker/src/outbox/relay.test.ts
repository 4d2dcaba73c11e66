import type { OutgoingMessage } from "@devmesh/adapters";
import { AppError, type TaskId, type TenantId } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import { createNudge } from "@devmesh/runtime";
import type { TaskRef } from "@devmesh/tasks";
import { describe, expect, it } from "vitest";
import { type RelayDeps, relayEvents } from "./relay.ts";

const ref = (tenantId: string, taskId: string): TaskRef => ({
  tenantId: tenantId as TenantId,
  taskId: taskId as TaskId,
});

function createDeps(rounds: Awaited<ReturnType<RelayDeps["outbox"]["relay"]>>[], stop: AbortController) {
  const metrics = createMetrics("worker");
  const sent: OutgoingMessage[] = [];
  const told: TenantId[] = [];
  const deps: RelayDeps = {
    outbox: {
      hasEvents: async () => rounds.length > 0,
      relay: async () => {
        const round = rounds.shift();
        if (rounds.length === 0) stop.abort();
        return round ?? { events: 0, more: false, isWaiting: false, tenantIds: [], toDispatch: [] };
      },
    },
    queue: {
      sendBatch: async (messages) => {
        sent.push(...messages);
        return [{ id: "0", error: new AppError("unavailable", "sqs send is unavailable: its breaker is open") }];
      },
    },
    nudge: createNudge(),
    onReadable: (tenantIds) => told.push(...tenantIds),
    logger: createLogger({ level: "silent", service: "worker" }),
    read: metrics.counter({ name: "read_total", help: "events" }),
    sent: metrics.counter({ name: "sent_total", help: "messages", labels: ["outcome"] as const }),
  };
  return { deps, sent, told, metrics };
}

describe("relayEvents", () => {
  it("reads until nothing is left and goes on when SQS takes nothing", async () => {
    const stop = new AbortController();
    const rounds = [
      {
        events: 500,
        more: true,
        isWaiting: true,
        tenantIds: ["a" as TenantId],
        toDispatch: [ref("a", "1"), ref("a", "2")],
      },
      { events: 3, more: false, isWaiting: false, tenantIds: ["b" as TenantId], toDispatch: [ref("b", "3")] },
    ];
    const { deps, sent, told, metrics } = createDeps(rounds, stop);
    await relayEvents(deps, stop.signal);
    expect(sent.map(({ body }) => JSON.parse(body).taskId)).toEqual(["1", "2", "3"]);
    expect(told).toEqual(["a", "b"]);
    const text = await metrics.metricsText();
    expect(text).toContain('read_total{service="worker"} 503');
    expect(text).toContain('sent_total{outcome="failed",service="worker"} 2');
  });

  it("asks in one statement without a nudge, and goes on after a failure", async () => {
    const stop = new AbortController();
    const asked: string[] = [];
    const { deps } = createDeps([], stop);
    const outbox: RelayDeps["outbox"] = {
      hasEvents: async () => {
        asked.push("has");
        if (asked.length === 1) throw new AppError("unavailable", "the database is not available");
        deps.nudge.nudge();
        return false;
      },
      relay: async () => {
        asked.push("relay");
        stop.abort();
        return { events: 0, more: false, isWaiting: false, tenantIds: [], toDispatch: [] };
      },
    };
    await relayEvents({ ...deps, outbox }, stop.signal);
    expect(asked).toEqual(["has", "has", "relay"]);
  });

  it("looks again soon while events wait for an open transaction, and then no more", async () => {
    const stop = new AbortController();
    const { deps } = createDeps([], stop);
    const times: number[] = [];
    const relay: RelayDeps["outbox"]["relay"] = async () => {
      times.push(performance.now());
      return { events: 0, more: false, isWaiting: times.length < 3, tenantIds: [], toDispatch: [] };
    };
    let waits = 0;
    const nudge: RelayDeps["nudge"] = {
      nudge: () => undefined,
      wait: async () => {
        waits += 1;
        stop.abort();
        return false;
      },
    };
    await relayEvents({ ...deps, nudge, outbox: { hasEvents: async () => true, relay } }, stop.signal);
    expect(times).toHaveLength(3);
    expect(waits).toBe(1);
    expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(80);
  });
});
