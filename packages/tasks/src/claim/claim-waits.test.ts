import type { TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { agentIdOf, tenantId } from "../../test/fakes.ts";
import { createClaimWaits } from "./claim-waits.ts";

const agent = (number: number) => ({ tenantId, agentId: agentIdOf(number) });
const other = "00000000-0000-7000-8000-00000000000c" as TenantId;
const never = new AbortController().signal;

test("a sleep ends when its agent is woken, and at once when it was since the last", async () => {
  const waits = createClaimWaits({ max: 10, maxPerTenant: 10 });
  using one = waits.open(agent(1));
  using two = waits.open(agent(2));
  waits.wake(new Set([agentIdOf(1)]));
  await one.sleep(60_000, never);
  let isAwake = false;
  const sleeping = one.sleep(60_000, never).then(() => {
    isAwake = true;
  });
  waits.wake(new Set([agentIdOf(2)]));
  await two.sleep(60_000, never);
  expect(isAwake).toBe(false);
  waits.wake(new Set([agentIdOf(1)]));
  await sleeping;
});

test("a sleep ends by its signal, and with its time", async () => {
  const waits = createClaimWaits({ max: 10, maxPerTenant: 10 });
  using one = waits.open(agent(1));
  const abort = new AbortController();
  const sleeping = one.sleep(60_000, abort.signal);
  abort.abort();
  await sleeping;
  await one.sleep(60_000, abort.signal);
  await one.sleep(1, never);
});

test("when waits are stopped nobody sleeps any more", async () => {
  const waits = createClaimWaits({ max: 10, maxPerTenant: 10 });
  using one = waits.open(agent(1));
  const sleeping = one.sleep(60_000, never);
  waits.stop();
  await sleeping;
  await one.sleep(60_000, never);
  expect(waits.isStopped).toBe(true);
});

test("so many may wait, of a tenant and in all; who has gone makes room", () => {
  const waits = createClaimWaits({ max: 3, maxPerTenant: 2 });
  const first = waits.open(agent(1));
  using _second = waits.open(agent(1));
  expect(() => waits.open(agent(2))).toThrow(expect.objectContaining({ code: "resource_exhausted" }));
  using passing = waits.pass();
  expect(waits.size).toBe(2);
  void passing.sleep(1, never);
  using _third = waits.open({ ...agent(3), tenantId: other });
  expect(() => waits.open({ ...agent(3), tenantId: other })).toThrow(
    expect.objectContaining({ reason: "waiting_claims" }),
  );
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect([waits.size, waits.has(tenantId), waits.has(other)]).toEqual([2, true, true]);
  using _fourth = waits.open(agent(2));
});
