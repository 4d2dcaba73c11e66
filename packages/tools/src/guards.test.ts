import type { TenantId, ToolServer, ToolServerId } from "@devmesh/models";
import { expect, test } from "vitest";
import { createGuards } from "./guards.ts";

const serverOf = (name: string): ToolServer => ({
  id: name as ToolServerId,
  name,
  transport: { kind: "stdio", command: "x", args: [], env: {} },
  timeoutMs: 1_000,
  maxConcurrency: 1,
  scopes: [],
  enabled: true,
  version: 1,
  createdAt: "",
  updatedAt: "",
});

test("who makes room for another has its breaker ended", () => {
  const ended: string[] = [];
  const createBreaker = (operation: string) => ({
    state: "closed" as const,
    retryAfterMs: 0,
    run: () => Promise.reject(new Error("not called")),
    [Symbol.dispose]: () => void ended.push(operation),
  });
  using guards = createGuards(createBreaker, { maxTenantCalls: 64, maxWaiting: 1, maxWaitMs: 1 });
  for (let at = 0; at <= 4_096; at += 1) guards.of({ tenantId: "tenant" as TenantId, server: serverOf(`${at}`) });
  expect(ended).toEqual(["tool server 0"]);
});
