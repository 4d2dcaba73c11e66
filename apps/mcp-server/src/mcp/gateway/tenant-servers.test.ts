import type { McpChange } from "@devmesh/adapters";
import type { TenantId, ToolServerId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import type { ServerTool, ToolServerStanding } from "@devmesh/repositories";
import { expect, test } from "vitest";
import { openTenantServers, type TenantServersDeps } from "./tenant-servers.ts";

const tenantId = "tenant" as TenantId;
const other = "other" as TenantId;

function server(id: string, toolCount = 1): ToolServerStanding {
  return { id: id as ToolServerId, name: id, toolCount, enabled: true } as ToolServerStanding;
}

function tool(serverId: string, description = ""): ServerTool {
  const inputSchema = { type: "object" } as const;
  return { serverId: serverId as ToolServerId, name: "a", callName: `${serverId}__a`, description, inputSchema };
}

async function given(more: Partial<TenantServersDeps> = {}) {
  const state = { servers: [server("one")], looks: 0, nowMs: 0, forgotten: [] as string[] };
  let hear: (changes: readonly McpChange[]) => void = () => undefined;
  const remembered = await openTenantServers({
    toolServers: {
      listEnabled: async () => {
        state.looks += 1;
        return state.servers;
      },
    },
    externalTools: { list: async (_, ids) => ids.map((id) => tool(id)) },
    toolGateway: { forget: async (id) => void state.forgotten.push(id) },
    hints: {
      onMcpChanges: async (handler) => {
        hear = handler;
        return async () => undefined;
      },
    },
    maxListed: 2,
    now: () => state.nowMs,
    logger: createLogger({ level: "silent", service: "test" }),
    ...more,
  });
  return { state, remembered, tell: (changes: readonly McpChange[]) => hear(changes) };
}

test("is asked once, until a change of the tenant's tools is told, or it is old", async () => {
  const { state, remembered, tell } = await given();
  await using _ = remembered;
  await Promise.all([remembered.of(tenantId), remembered.of(tenantId)]);
  expect(state.looks).toBe(1);
  tell([
    { tenantId, list: "prompts" },
    { tenantId, list: "prompts" },
    { tenantId: other, list: "tools" },
  ]);
  await remembered.of(tenantId);
  expect(state.looks).toBe(1);
  state.servers = [server("two")];
  tell([{ tenantId, list: "tools" }]);
  expect((await remembered.of(tenantId)).servers).toEqual([server("two")]);
  const looks = state.looks;
  state.nowMs = 30_000;
  await remembered.of(tenantId);
  expect(state.looks).toBe(looks + 1);
});

test("is asked again by who misses something, once a second", async () => {
  const { state, remembered } = await given();
  await using _ = remembered;
  await remembered.of(tenantId);
  await remembered.ofNow(tenantId);
  expect(state.looks).toBe(1);
  state.nowMs = 1_000;
  await Promise.all([remembered.ofNow(tenantId), remembered.ofNow(tenantId), remembered.of(tenantId)]);
  expect(state.looks).toBe(2);
});

test("closes what is open to servers that are called no more", async () => {
  const { state, remembered, tell } = await given();
  state.servers = [server("one"), server("two")];
  await remembered.of(tenantId);
  state.servers = [server("two")];
  tell([{ tenantId, list: "tools" }]);
  await remembered[Symbol.asyncDispose]();
  expect(state.forgotten).toEqual(["one"]);
});

test("closes it as well where it was read anew before the change was told", async () => {
  const { state, remembered, tell } = await given();
  await remembered.of(tenantId);
  state.servers = [];
  state.nowMs = 1_000;
  await remembered.ofNow(tenantId);
  tell([{ tenantId, list: "tools" }]);
  await remembered[Symbol.asyncDispose]();
  expect(state.forgotten).toEqual(["one"]);
});

test("has no list of tools where they are many, or large", async () => {
  const { state, remembered } = await given();
  expect((await remembered.of(tenantId)).tools).toEqual([tool("one")]);
  state.servers = [server("one", 2), server("two")];
  expect((await remembered.of(other)).tools).toBeUndefined();
  const large = await given({ externalTools: { list: async () => [tool("one", "x".repeat(300_000))] } });
  expect((await large.remembered.of(tenantId)).tools).toBeUndefined();
});

test("asks again after a failure", async () => {
  let fails = true;
  const { remembered } = await given({
    toolServers: {
      listEnabled: async () => {
        if (fails) throw new Error("the database is away");
        return [];
      },
    },
  });
  await expect(remembered.of(tenantId)).rejects.toThrow("away");
  fails = false;
  expect(await remembered.of(tenantId)).toEqual({ servers: [], tools: [] });
});
