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

function createDeps(rounds: Awaited<ReturnType<RelayDeps["outbox"]["numberEvents"]>>[], stop: AbortController) {
  const metrics = createMetrics("worker");
  const sent: OutgoingMessage[] = [];
  const told: TenantId[] = [];
  const deps: RelayDeps = {
    outbox: {
      hasUnnumbered: async () => rounds.length > 0,
      numberEvents: async () => {
        const round = rounds.shift();
        if (rounds.length === 0) stop.abort();
        return round ?? { numbered: 0, more: false, tenantIds: [], toDispatch: [] };
      },
    },
    queue: {
      sendBatch: async (messages) => {
        sent.push(...messages);
        return [{ id: "0", error: new AppError("unavailable", "sqs send is unavailable: its breaker is open") }];
      },
    },
    nudge: createNudge(),
    onNumbered: (tenantIds) => told.push(...tenantIds),
    logger: createLogger({ level: "silent", service: "worker" }),
    numbered: metrics.counter({ name: "numbered_total", help: "events" }),
    sent: metrics.counter({ name: "sent_total", help: "messages", labels: ["outcome"] as const }),
  };
  return { deps, sent, told, metrics };
}

describe("relayEvents", () => {
  it("numbers until nothing is left and goes on when SQS takes nothing", async () => {
    const stop = new AbortController();
    const rounds = [
      { numbered: 500, more: true, tenantIds: ["a" as TenantId], toDispatch: [ref("a", "1"), ref("a", "2")] },
      { numbered: 3, more: false, tenantIds: ["b" as TenantId], toDispatch: [ref("b", "3")] },
    ];
    const { deps, sent, told, metrics } = createDeps(rounds, stop);
    await relayEvents(deps, stop.signal);
    expect(sent.map(({ body }) => JSON.parse(body).taskId)).toEqual(["1", "2", "3"]);
    expect(told).toEqual(["a", "b"]);
    const text = await metrics.metricsText();
    expect(text).toContain('numbered_total{service="worker"} 503');
    expect(text).toContain('sent_total{outcome="failed",service="worker"} 2');
  });

  it("asks in one statement without a nudge, and goes on after a failure", async () => {
    const stop = new AbortController();
    const asked: string[] = [];
    const { deps } = createDeps([], stop);
    const outbox: RelayDeps["outbox"] = {
      hasUnnumbered: async () => {
        asked.push("has");
        if (asked.length === 1) throw new AppError("unavailable", "the database is not available");
        deps.nudge.nudge();
        return false;
      },
      numberEvents: async () => {
        asked.push("number");
        stop.abort();
        return { numbered: 0, more: false, tenantIds: [], toDispatch: [] };
      },
    };
    await relayEvents({ ...deps, outbox }, stop.signal);
    expect(asked).toEqual(["has", "has", "number"]);
  });
});
