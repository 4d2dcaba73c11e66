import type { NodeId } from "@devmesh/models";
import { expect, test } from "vitest";
import { memoryPresence } from "./memory-presence.ts";

const [a, b] = ["a", "b"] as [NodeId, NodeId];
const facts = { startedAt: "2026-01-01T00:00:00.000Z", connections: 0 };

test("finds who announced itself, until that is over or taken back", async () => {
  const clock = { at: 0 };
  await using presence = memoryPresence(() => clock.at);
  expect(await presence.announce(a, facts, 100)).toBe(true);
  await presence.announce(b, facts, 200);
  clock.at = 99;
  expect(await presence.find([a, b])).toEqual(new Map([a, b].map((node) => [node, facts])));
  clock.at = 100;
  expect(await presence.find([a, b])).toEqual(new Map([[b, facts]]));
  await presence.withdraw(b);
  expect(await presence.find([a, b])).toEqual(new Map());
});

test("knows nothing when it is closed", async () => {
  const presence = memoryPresence(() => 0);
  await presence[Symbol.asyncDispose]();
  expect(await presence.announce(a, facts, 100)).toBe(false);
  expect(await presence.find([a])).toBeUndefined();
});
