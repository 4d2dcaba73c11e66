import type { NodeId } from "@devmesh/models";
import { expect, test } from "vitest";
import { createSuspicion, type Suspicion } from "./suspicion.ts";

const [a, b] = ["a", "b"] as [NodeId, NodeId];
const here = (...nodes: NodeId[]): ReadonlyMap<NodeId, unknown> => new Map(nodes.map((node) => [node, {}]));

function open(): { readonly suspicion: Suspicion; readonly clock: { at: number } } {
  const clock = { at: 0 };
  return { suspicion: createSuspicion(5_000, () => clock.at), clock };
}

test("suspects a node that was seen and is missed for long enough", () => {
  const { suspicion, clock } = open();
  expect(suspicion.note([a, b], here(a, b))).toEqual([]);
  expect(suspicion.note([a, b], here(b))).toEqual([]);
  clock.at = 4_999;
  expect(suspicion.note([a, b], here(b))).toEqual([]);
  clock.at = 5_000;
  expect(suspicion.note([a, b], here(b))).toEqual([a]);
});

test("forgets the suspicion when the node says something again", () => {
  const { suspicion, clock } = open();
  suspicion.note([a], here(a));
  suspicion.note([a], here());
  clock.at = 4_000;
  suspicion.note([a], here(a));
  suspicion.note([a], here());
  clock.at = 8_999;
  expect(suspicion.note([a], here())).toEqual([]);
});

test("suspects nobody while nothing can be found out, and begins anew after that", () => {
  const { suspicion, clock } = open();
  suspicion.note([a], here(a));
  suspicion.note([a], here());
  clock.at = 60_000;
  expect(suspicion.note([a], undefined)).toEqual([]);
  expect(suspicion.note([a], here())).toEqual([]);
  clock.at = 65_000;
  expect(suspicion.note([a], here())).toEqual([a]);
});

test("never suspects a node that never said anything", () => {
  const { suspicion, clock } = open();
  suspicion.note([a], here());
  clock.at = 60_000;
  expect(suspicion.note([a], here())).toEqual([]);
});
