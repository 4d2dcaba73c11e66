import type { ExternalTool, TenantId, ToolServer, ToolServerId } from "@devmesh/models";
import { expect, test } from "vitest";
import { findTool, type ToolAsked } from "./find-tool.ts";

const tool: ExternalTool = { name: "read", inputSchema: { type: "object" } };
const server = { id: "s" as ToolServerId, name: "files", enabled: true } as ToolServer;
const asked: ToolAsked = { tenantId: "t" as TenantId, server, name: "read", signal: new AbortController().signal };

/** Knows the tool from the start, or once the server was asked. */
function given(isKnown: boolean) {
  let looks = 0;
  const seen = {
    find: async (_: TenantId, { name }: { readonly name: string }) =>
      (isKnown || looks > 0) && name === "read" ? tool : undefined,
    findByCallName: async (_: TenantId, _id: ToolServerId, name: string) =>
      (isKnown || looks > 0) && name === "files__read" ? tool : undefined,
  };
  const gateway = {
    refresh: async () => {
      looks += 1;
      return { check: { state: "healthy" as const, latencyMs: 1 }, listing: undefined };
    },
  };
  return {
    find: (given: Partial<ToolAsked> = {}) => findTool(seen, gateway, { ...asked, ...given }),
    looks: () => looks,
  };
}

test.each(["read", "files__read"])("finds a tool as it was last seen, by the name %s", async (name) => {
  const { find, looks } = given(true);
  expect(await find({ name })).toBe(tool);
  expect(looks()).toBe(0);
});

test("asks a server that was never asked", async () => {
  const { find, looks } = given(false);
  expect(await find()).toBe(tool);
  expect(looks()).toBe(1);
});

test.each([
  ["was asked before", { toolsSeenAt: "2026-11-30T00:00:00.000Z" }],
  ["is disabled", { enabled: false }],
])("asks no server that %s", async (_what, about) => {
  const { find, looks } = given(false);
  expect(await find({ server: { ...server, ...about } })).toBeUndefined();
  expect(looks()).toBe(0);
});
