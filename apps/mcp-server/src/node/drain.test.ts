import { expect, test } from "vitest";
import type { Connection } from "../connections/connection.ts";
import { drain } from "./drain.ts";

interface Told {
  readonly name: string;
  readonly payload: { readonly reason: string; readonly resumeAfterMs: number };
}

/** Connections that leave the list when they are closed, as the real ones do. */
function openConnections(count: number): { open: Connection[]; told: Told[]; codes: number[] } {
  const told: Told[] = [];
  const codes: number[] = [];
  const open: Connection[] = [];
  for (let i = 0; i < count; i++) {
    const connection = {
      inFlight: 0,
      send: (name: string, payload: Told["payload"]) => told.push({ name, payload }),
      close: (code: number) => {
        codes.push(code);
        open.splice(open.indexOf(connection), 1);
      },
    } as unknown as Connection;
    open.push(connection);
  }
  return { open, told, codes };
}

async function drainAll(count: number): Promise<{ waits: number[]; told: Told[]; codes: number[] }> {
  const { open, told, codes } = openConnections(count);
  await drain({
    connections: () => [...open],
    countSockets: () => open.length,
    terminateSockets: () => undefined,
    random: () => 0.5,
    upgradesPerSecond: 200,
    now: () => 0,
    workMs: 1_000,
    closeMs: 1_000,
  });
  return { waits: told.map(({ payload }) => payload.resumeAfterMs), told, codes };
}

test("tells each connection goodbye with a time to come back at, and closes it with 1012", async () => {
  const { told, codes } = await drainAll(3);
  expect(told).toEqual(
    [250, 255, 260].map((resumeAfterMs) => ({ name: "GOODBYE", payload: { reason: "draining", resumeAfterMs } })),
  );
  expect(codes).toEqual([1012, 1012, 1012]);
});

test("calls no more than the rate back in any second", async () => {
  const { waits } = await drainAll(1_000);
  const inSecond = waits.map((from) => waits.filter((at) => at >= from && at < from + 1_000).length);
  expect(Math.max(...inSecond)).toBe(200);
});

test("calls everybody back within 20 s and the jitter, however many there are", async () => {
  const { waits } = await drainAll(10_000);
  expect(Math.max(...waits)).toBeLessThan(20_500);
  expect(Math.max(...waits)).toBeGreaterThan(20_000);
});
