import { createHash } from "node:crypto";
import {
  type ApiKeyId,
  AppError,
  type NewToolCallRecord,
  type TenantId,
  type ToolResult,
  type ToolServer,
  type ToolServerId,
} from "@devmesh/models";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createToolGateway } from "./create-gateway.ts";
import type { ToolGateway, ToolGatewayDeps } from "./gateway.ts";
import type { OutgoingCall, ToolBreaker, ToolConnection } from "./ports.ts";

const tenantId = "tenant" as TenantId;
const { signal } = new AbortController();
const tool = { name: "echo", inputSchema: { type: "object" as const } };
const caller = { principalId: "key" as ApiKeyId, scopes: ["tools:execute"], door: "mcp" as const };
const fine: ToolResult = { content: [{ type: "text", text: "fine" }], isError: false };
const gateways: ToolGateway[] = [];
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway[Symbol.asyncDispose]();
});

const serverOf = (id: string, more: Partial<ToolServer> = {}): ToolServer => ({
  id: id as ToolServerId,
  name: id,
  transport: { kind: "stdio", command: "x", args: [], env: {} },
  timeoutMs: 1_000,
  maxConcurrency: 100,
  scopes: [],
  enabled: true,
  version: 1,
  createdAt: "",
  updatedAt: "",
  ...more,
});

/** A gateway on a transport whose connections do what `onCall` says. */
function setUp(onCall: (call: OutgoingCall) => Promise<ToolResult>, more: Partial<ToolGatewayDeps> = {}) {
  const opened: { readonly server: ToolServer; isOpen: boolean }[] = [];
  const records: NewToolCallRecord[] = [];
  const open = vi.fn(async (server: ToolServer): Promise<ToolConnection> => {
    const state = { server, isOpen: true };
    opened.push(state);
    return {
      get isOpen() {
        return state.isOpen;
      },
      listTools: async () => [tool],
      call: onCall,
      [Symbol.asyncDispose]: async () => {
        state.isOpen = false;
      },
    };
  });
  const gateway = createToolGateway({
    transport: { open },
    store: { findSecrets: async () => new Map(), writeCheck: async () => undefined },
    audit: { record: async (_, record) => void records.push(record) },
    schemas: { check: async () => undefined, findProblems: async () => [] },
    createBreaker: () => ({
      state: "closed",
      retryAfterMs: 0,
      run: (call, limit) => call(limit.signal),
      [Symbol.dispose]: () => undefined,
    }),
    newId: () => "call",
    ...more,
  });
  gateways.push(gateway);
  const call = (server: ToolServer, values: unknown = {}) =>
    gateway.call({ tenantId, server, tool, caller, arguments: values, signal });
  return { gateway, opened, records, open, call };
}

describe("createToolGateway", () => {
  it("opens a server once for all who come while it opens, and again when it broke", async () => {
    const { call, open, opened } = setUp(async () => fine);
    const server = serverOf("a");
    expect(await Promise.all([call(server), call(server), call(server)])).toEqual([fine, fine, fine]);
    expect(open).toHaveBeenCalledOnce();
    for (const state of opened) state.isOpen = false;
    expect(await call(server)).toBe(fine);
    expect(open).toHaveBeenCalledTimes(2);
  });

  it("writes down each call: who, what, how it ended, and how much, and nothing of what was said", async () => {
    const { call, records } = setUp(async () => fine);
    await call(serverOf("a"), { password: "hunter2" });
    expect(records).toEqual([
      {
        id: "call",
        serverId: "a",
        tool: "echo",
        principalId: "key",
        door: "mcp",
        outcome: "ok",
        durationMs: expect.any(Number),
        argumentBytes: 22,
        argumentsSha256: createHash("sha256").update('{"password":"hunter2"}').digest("hex"),
        resultBytes: 43,
      },
    ]);
    expect(JSON.stringify(records)).not.toContain("hunter2");
  });

  it("answers although the record can't be written, and says so", async () => {
    const onAuditFailure = vi.fn();
    const onCall = vi.fn();
    const away = new AppError("unavailable", "no database");
    const { call } = setUp(async () => fine, {
      audit: { record: () => Promise.reject(away) },
      observer: { onCall, onAuditFailure },
    });
    expect(await call(serverOf("a"))).toBe(fine);
    expect(onAuditFailure).toHaveBeenCalledWith(away);
    expect(onCall).toHaveBeenCalledWith({ outcome: "ok", durationMs: expect.any(Number) });
  });

  it("leaves half of a tenant's places to the other servers, whatever one of them may take", async () => {
    const ends: (() => void)[] = [];
    const { call, gateway } = setUp(() => new Promise((resolve) => ends.push(() => resolve(fine))), {
      limits: { maxTenantCalls: 4, maxWaiting: 0 },
    });
    const [hog, other] = [serverOf("hog"), serverOf("other")];
    const calls = [call(hog), call(hog)];
    await expect.poll(() => ends).toHaveLength(2);
    await expect(call(hog)).rejects.toMatchObject({
      reason: "busy",
      message: expect.stringContaining("tool server hog"),
    });
    calls.push(call(other), call(other));
    await expect.poll(() => ends).toHaveLength(4);
    await expect(call(serverOf("third"))).rejects.toMatchObject({
      reason: "busy",
      message: expect.stringContaining("the tenant"),
    });
    expect(gateway.standingOf(hog.id)).toMatchObject({ inFlight: 2, waiting: 0 });
    for (const end of ends) end();
    await Promise.all(calls);
    expect(gateway.standingOf(hog.id)).toMatchObject({ inFlight: 0 });
  });

  it("leaves room to tenants who come later, blames no server for the lack of it, and makes it among what nobody uses", async () => {
    const ends: (() => void)[] = [];
    const onCall = ({ arguments: { waits } }: OutgoingCall): Promise<ToolResult> =>
      waits === true ? new Promise((resolve) => ends.push(() => resolve(fine))) : Promise.resolve(fine);
    const run = vi.fn((work: (ending: AbortSignal) => Promise<unknown>) => work(signal));
    const createBreaker = (): ToolBreaker => ({
      state: "closed",
      retryAfterMs: 0,
      run: run as ToolBreaker["run"],
      [Symbol.dispose]: () => undefined,
    });
    const writeCheck = vi.fn(async () => undefined);
    const { gateway, call, opened } = setUp(onCall, {
      createBreaker,
      store: { findSecrets: async () => new Map(), writeCheck },
      limits: { maxConnections: 4, maxTenantConnections: 3, maxWaitMs: 20 },
    });
    for (const id of ["a", "b", "c"]) await call(serverOf(id));
    const held = [call(serverOf("a"), { waits: true }), call(serverOf("b"), { waits: true })];
    await expect.poll(() => ends).toHaveLength(2);
    run.mockClear();
    // two are in use and two are free: one more would leave the others fewer than it has
    const busy = { code: "resource_exhausted", reason: "busy", retryAfterMs: expect.any(Number) };
    await expect(call(serverOf("c"))).rejects.toMatchObject(busy);
    await expect(gateway.refresh({ tenantId, server: serverOf("c") }, { signal })).rejects.toMatchObject(busy);
    expect(run).not.toHaveBeenCalled();
    expect(writeCheck).not.toHaveBeenCalled();
    const other = { tenantId: "other" as TenantId, tool, caller, signal };
    for (const id of ["d", "e"]) {
      expect(await gateway.call({ ...other, server: serverOf(id), arguments: {} })).toBe(fine);
    }
    const isOpen = opened.map(({ server, isOpen: open }) => [server.id, open]);
    expect(isOpen).toEqual([
      ["a", true],
      ["b", true],
      ["c", false],
      ["d", true],
      ["e", true],
    ]);
    for (const end of ends) end();
    await Promise.all(held);
    expect(await call(serverOf("c"))).toBe(fine);
  });

  it("refuses JSON that nobody could keep, both ways", async () => {
    const deep = JSON.parse(`${"[".repeat(600)}${"]".repeat(600)}`) as unknown;
    const { call, gateway } = setUp(async () => ({ ...fine, structuredContent: deep }));
    await expect(call(serverOf("a"))).rejects.toMatchObject({ code: "unavailable", reason: "bad_answer" });
    await expect(call(serverOf("a"), { deep })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(call(serverOf("a"), { text: "x".repeat(1_048_576) })).rejects.toMatchObject({
      reason: "bad_arguments",
    });
    expect(gateway.standingOf("a" as ToolServerId).inFlight).toBe(0);
  });

  it("closes what is open to a server that was changed, when the calls on it are over", async () => {
    const ends: (() => void)[] = [];
    const { call, opened } = setUp(() => new Promise((resolve) => ends.push(() => resolve(fine))));
    const old = call(serverOf("a"));
    await expect.poll(() => ends).toHaveLength(1);
    const next = call(serverOf("a", { version: 2 }));
    await expect.poll(() => ends).toHaveLength(2);
    expect(opened.map(({ isOpen }) => isOpen)).toEqual([true, true]);
    for (const end of ends) end();
    await Promise.all([old, next]);
    await vi.waitFor(() => expect(opened.map(({ isOpen }) => isOpen)).toEqual([false, true]));
  });

  it("looks once for all who ask, and ends it for nobody because another goes", async () => {
    const written = Promise.withResolvers<void>();
    const writeCheck = vi.fn(() => written.promise);
    const { gateway } = setUp(async () => fine, { store: { findSecrets: async () => new Map(), writeCheck } });
    const leaving = new AbortController();
    const target = { tenantId, server: serverOf("a") };
    const left = gateway.refresh(target, leaving);
    const stayed = gateway.refresh(target, { signal });
    await expect.poll(() => writeCheck).toHaveBeenCalledOnce();
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: "cancelled" });
    written.resolve();
    expect(await stayed).toMatchObject({ check: { state: "healthy" }, listing: { tools: [tool], leftOut: [] } });
    expect(writeCheck).toHaveBeenCalledOnce();
  });

  it("says why a server is unhealthy, and fails only where that can't be kept", async () => {
    const noKey = new AppError("failed_precondition", "no key", { reason: "no_secrets_key" });
    const writeCheck = vi.fn(async () => undefined);
    const { gateway } = setUp(async () => fine, { store: { findSecrets: () => Promise.reject(noKey), writeCheck } });
    const error = { code: "failed_precondition", reason: "no_secrets_key", message: "no key" };
    const check = { state: "unhealthy", latencyMs: expect.any(Number), error };
    const look = await gateway.refresh({ tenantId, server: serverOf("a") }, { signal });
    expect(look).toEqual({ check, listing: undefined });
    expect(writeCheck).toHaveBeenCalledWith({ tenantId, serverId: "a", version: 1 }, check, undefined);
    writeCheck.mockRejectedValueOnce(new AppError("unavailable", "no database"));
    await expect(gateway.refresh({ tenantId, server: serverOf("a") }, { signal })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("answers nobody once it is closed", async () => {
    const { gateway, call, opened } = setUp(async () => fine);
    await call(serverOf("a"));
    await gateway[Symbol.asyncDispose]();
    expect(opened.map(({ isOpen }) => isOpen)).toEqual([false]);
    await expect(call(serverOf("a"))).rejects.toMatchObject({ code: "unavailable" });
  });
});
