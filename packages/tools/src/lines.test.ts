import type { TenantId, ToolServerId } from "@devmesh/models";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Line } from "./line.ts";
import { createLines } from "./lines.ts";
import type { ToolConnection } from "./ports.ts";

const idleMs = 1_000;
const serverId = "server" as ToolServerId;
const connection: ToolConnection = {
  isOpen: true,
  listTools: async () => [],
  call: () => Promise.reject(new Error("not called")),
  [Symbol.asyncDispose]: async () => undefined,
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function lineOf(ready: Promise<ToolConnection>): Line {
  const opening = new AbortController();
  const about = { tenantId: "tenant" as TenantId, serverId, version: 1, opening };
  return { ...about, ready, connection: undefined, users: 0, idleTimer: undefined };
}

test("a line that nobody waited for, and that could not be opened, takes no later one with it", async () => {
  await using lines = createLines(idleMs);
  const opening = Promise.withResolvers<ToolConnection>();
  const first = lineOf(opening.promise);
  lines.add(first);
  const leaving = new AbortController();
  const left = lines.use(first, leaving.signal, () => Promise.resolve());
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: "cancelled" });
  opening.reject(new Error("no program"));
  await vi.advanceTimersByTimeAsync(0);
  expect(lines.find(serverId)).toBeUndefined();

  const second = lineOf(Promise.resolve(connection));
  lines.add(second);
  const work = Promise.withResolvers<void>();
  const used = lines.use(second, new AbortController().signal, () => work.promise);
  await vi.advanceTimersByTimeAsync(idleMs);
  expect(lines.find(serverId)).toBe(second);
  work.resolve();
  await used;
});
