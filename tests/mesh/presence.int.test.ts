import { openRedisPresence } from "@devmesh/adapters";
import type { NodeId } from "@devmesh/models";
import { type NativeServices, startServices, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const facts = { startedAt: "2026-01-01T00:00:00.000Z", connections: 3 };
const node = crypto.randomUUID() as string as NodeId;
const bound = { what: "the presence" };

let services: NativeServices;
beforeAll(async () => {
  services = await startServices({ fsync: false });
});
afterAll(() => services.stop());

test("what is lost with Valkey is nobody's death: unknown while it is away, and announced again after", async () => {
  await using presence = openRedisPresence({ url: services.redisUrl });
  await waitFor(() => presence.announce(node, facts, 60_000), bound);
  await services.stopValkey();
  await waitFor(async () => (await presence.find([node])) === undefined, bound);
  await services.startValkey();
  const empty = await waitFor(() => presence.find([node]), bound);
  expect(empty.size).toBe(0);
  expect(await presence.announce(node, facts, 60_000)).toBe(true);
  expect((await presence.find([node]))?.get(node)).toEqual(facts);
});
