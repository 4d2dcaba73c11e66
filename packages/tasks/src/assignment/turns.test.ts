import type { TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

const thing = (tenantId: string, id: string) => ({ tenantId: tenantId as TenantId, id });
const open = (bounds = { max: 100, maxPerTenant: 50 }) => createTurns<ReturnType<typeof thing>>(({ id }) => id, bounds);
const idsOf = (things: readonly { readonly id: string }[]) => things.map(({ id }) => id);

test("takes one of each tenant after the other, and goes on with the next tenant", () => {
  const turns = open();
  turns.add(["a1", "a2", "a3", "b1", "c1", "b2"].map((id) => thing(id.slice(0, 1), id)));
  expect(idsOf(turns.take(4))).toEqual(["a1", "b1", "c1", "a2"]);
  expect(idsOf(turns.take(10))).toEqual(["b2", "a3"]);
  expect(turns.size).toBe(0);
  expect(turns.take(1)).toEqual([]);
});

test("holds each thing once", () => {
  const turns = open();
  turns.add([thing("a", "1"), thing("a", "1")]);
  turns.add([thing("a", "1")]);
  expect(turns.size).toBe(1);
  turns.take(1);
  turns.add([thing("a", "1")]);
  expect(idsOf(turns.take(2))).toEqual(["1"]);
});

test("drops what exceeds its bounds: one tenant leaves room for others", () => {
  const turns = open({ max: 5, maxPerTenant: 3 });
  turns.add(["1", "2", "3", "4"].map((id) => thing("a", `a${id}`)));
  turns.add(["1", "2", "3"].map((id) => thing("b", `b${id}`)));
  expect(turns.size).toBe(5);
  expect(idsOf(turns.take(9))).toEqual(["a1", "b1", "a2", "b2", "a3"]);
});
