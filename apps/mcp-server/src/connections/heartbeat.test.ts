import type { Duplex } from "node:stream";
import type { Health, TenantId } from "@devmesh/models";
import { expect, onTestFinished, test } from "vitest";
import { Connection, type ConnectionEvents } from "./connection.ts";
import { startHeartbeat } from "./heartbeat.ts";

/** One connection whose client says as much as it is told to, on a clock that stands still. */
function createFakes(state: Connection["state"] = { kind: "greeted", agentName: "a" }) {
  let now = 1_000;
  const stream = { bytesRead: 0 };
  const closes: number[] = [];
  const healths: Health[] = [];
  let pings = 0;
  const connection = new Connection({
    id: "c" as Connection["id"],
    principal: { tenantId: "t" as TenantId, id: "k" as never, kind: "agt", scopes: [] },
    credential: "",
    socket: {
      send: () => undefined,
      close: () => undefined,
      terminate: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    },
    stream: stream as unknown as Duplex,
    openedAt: now,
    events: {
      onFrame: () => undefined,
      onOver: (_connection, code) => closes.push(code),
      onSlow: () => undefined,
      requestFlush: () => undefined,
      traffic: { refused: () => undefined } as unknown as ConnectionEvents["traffic"],
    },
  });
  connection.sendFrame = () => {
    pings++;
  };
  connection.state = state;
  const heartbeat = startHeartbeat({
    heartbeatMs: 1_000,
    helloMs: 10_000,
    connections: () => [connection],
    onHealth: (_connection, health) => healths.push(health),
    now: () => now,
  });
  onTestFinished(() => heartbeat[Symbol.dispose]());
  return {
    closes,
    healths,
    pings: () => pings,
    hear: () => stream.bytesRead++,
    pass: (ms: number) => {
      now += ms;
      heartbeat.beat();
    },
  };
}

test("pings a silent client after each heartbeat, and takes it for dead when three went unanswered", () => {
  const { pass, pings, closes, healths } = createFakes();
  pass(999);
  expect(pings()).toBe(0);
  pass(1);
  expect([pings(), healths]).toEqual([1, []]);
  pass(1_000);
  expect([pings(), healths]).toEqual([2, ["degraded"]]);
  pass(1_000);
  expect([pings(), healths, closes]).toEqual([3, ["degraded"], []]);
  pass(1_000);
  expect([pings(), closes]).toEqual([3, [4408]]);
});

test("begins anew with every byte, and makes a degraded client healthy", () => {
  const { pass, hear, pings, healths, closes } = createFakes();
  for (let i = 0; i < 2; i++) pass(1_000);
  hear();
  pass(500);
  expect(healths).toEqual(["degraded", "healthy"]);
  pass(999);
  expect(pings()).toBe(2);
  pass(1);
  expect([pings(), closes]).toEqual([3, []]);
});

test("closes a client that says no HELLO within ten seconds, and pings none before", () => {
  const { pass, pings, closes } = createFakes({ kind: "new" });
  for (let i = 0; i < 9; i++) pass(1_000);
  expect(closes).toEqual([]);
  pass(1_000);
  expect([pings(), closes]).toEqual([0, [1008]]);
});

test("blames nobody for the time in which this process stood still", () => {
  const { pass, pings, closes } = createFakes();
  pass(500);
  pass(60_000);
  expect([pings(), closes]).toEqual([1, []]);
});
