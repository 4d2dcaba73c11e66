import type { ApiKeyId, NamedSecret, TenantId, ToolCallId, ToolServerId } from "@devmesh/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeOnBoth, givenTenant, newUuid } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { prune } from "../prune.ts";
import { type CallableTool, externalToolRepository } from "./external-tool-repository.ts";
import { sealedSecrets } from "./sealed-secrets.ts";
import { toolCallRepository } from "./tool-call-repository.ts";
import { toolChecks } from "./tool-checks.ts";
import type { ToolServerStanding } from "./tool-server-columns.ts";
import { toolServerRepository } from "./tool-server-repository.ts";
import type { ServerAsked, ServerWrite } from "./tool-server-writes.ts";

const text: Omit<ServerWrite, "name"> = {
  transport: { kind: "stdio", command: "node", args: ["a b", "é"], env: { TOKEN: { isSecret: true }, MODE: "fast" } },
  timeoutMs: 30_000,
  maxConcurrency: 4,
  scopes: ["tasks:write"],
  enabled: true,
};
const secret: NamedSecret = { name: "TOKEN", keyId: "one", nonce: "AAEC", ciphertext: "/+8=", tag: "cGFk" };

describeOnBoth((open) => {
  const stack = new AsyncDisposableStack();
  let database: Database;
  let tenantId: TenantId;
  let other: TenantId;
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
    other = await givenTenant(database);
  });
  afterAll(() => stack.disposeAsync());

  const servers = () => toolServerRepository(database);
  const tools = () => externalToolRepository(database);
  const asked = (given: Partial<ServerWrite> = {}): ServerAsked => ({
    id: newUuid<ToolServerId>(),
    server: { name: newUuid<string>(), ...text, ...given },
    secrets: [secret],
    max: 50,
  });
  async function given(write: Partial<ServerWrite> = {}): Promise<ToolServerStanding> {
    return (await servers().create(tenantId, asked(write))).made;
  }

  describe("a server", () => {
    test("is found as it was registered, by its tenant alone", async () => {
      const made = await given({ title: "Files" });
      expect(made).toMatchObject({ ...text, title: "Files", version: 1, toolCount: 0, check: undefined });
      expect(await servers().find(tenantId, made.id)).toEqual(made);
      expect(await servers().findByName(tenantId, made.name)).toEqual(made);
      expect(await servers().secrets(tenantId, made.id)).toEqual([secret]);
      const strangers = [
        await servers().find(other, made.id),
        await servers().findByName(other, made.name),
        await servers().update(other, made.id, { version: 1, server: made, secrets: [], kept: [] }),
        await servers().delete(other, made.id),
        await tools().record(other, made, [tool("a")]),
        await toolChecks(database).record(other, made, { state: "healthy", latencyMs: 1 }),
      ];
      expect(strangers).toEqual([undefined, undefined, undefined, undefined, false, false]);
      expect(await servers().secrets(other, made.id)).toEqual([]);
      expect((await servers().list(other, { limit: 9, after: undefined })).length).toBe(0);
      expect(await servers().find(tenantId, made.id)).toEqual(made);
    });

    test("has secrets that are sealed anew, unless they were changed meanwhile", async () => {
      const { id } = await given();
      const sealed = sealedSecrets(database);
      const find = async (keyId: string, after?: { readonly id: ToolServerId; readonly name: string }) =>
        (await sealed.findOthers({ keyId, limit: 1_000, after })).filter((one) => one.id === id);
      const [found] = await find("two");
      expect(found).toEqual({ tenantId, id, ...secret });
      expect([await find("one"), await find("two", { id, name: "TOKEN" })]).toEqual([[], []]);
      expect(await find("two", { id, name: "A" })).toEqual([found]);
      if (found === undefined) return;
      const next = { keyId: "two", nonce: "AAEE", ciphertext: "AAEC", tag: "AAED" };
      expect(await sealed.replace({ ...found, nonce: "AAAA" }, next)).toBe(false);
      expect(await sealed.replace({ ...found, tenantId: other }, next)).toBe(false);
      expect(await sealed.replace(found, next)).toBe(true);
      expect(await sealed.replace(found, next)).toBe(false);
      expect(await servers().secrets(tenantId, id)).toEqual([{ name: "TOKEN", ...next }]);
    });

    test("has a name of its own in its tenant, whoever comes first", async () => {
      const name = newUuid<string>();
      const both = await Promise.allSettled([1, 2].map(() => servers().create(tenantId, asked({ name }))));
      expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      expect(both.find(({ status }) => status === "rejected")).toMatchObject({
        reason: { code: "conflict", reason: "name_taken" },
      });
      const elsewhere = { ...asked({ name }) };
      expect((await servers().create(other, elsewhere)).made.name).toBe(name);
      await servers().delete(other, elsewhere.id);
    });

    test("is one of so many", async () => {
      const full = await givenTenant(database);
      const outcomes = await Promise.allSettled([1, 2, 3].map(() => servers().create(full, { ...asked(), max: 2 })));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
      expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({
        reason: { code: "failed_precondition", message: expect.stringContaining("2") },
      });
    });

    test("is registered once for one key", async () => {
      const key = { principalId: newUuid<ApiKeyId>(), key: "k", bodyHash: "00" };
      const first = await servers().create(tenantId, { ...asked(), key });
      const again = await servers().create(tenantId, { ...asked(), key });
      expect(again).toEqual({ made: JSON.parse(JSON.stringify(first.made)), isReplay: true });
      const reused = servers().create(tenantId, { ...asked(), key: { ...key, bodyHash: "01" } });
      await expect(reused).rejects.toMatchObject({ code: "conflict", reason: "idempotency_key_reused" });
    });

    test("is changed by whoever read it last; secrets that are not kept are gone", async () => {
      const made = await given();
      const renewed = { ...secret, name: "OTHER", ciphertext: "AAAA" };
      const change = { version: 1, server: { ...made, timeoutMs: 5_000 }, secrets: [renewed], kept: [] };
      const changed = await servers().update(tenantId, made.id, change);
      expect(changed).toMatchObject({ timeoutMs: 5_000, version: 2 });
      expect(await servers().secrets(tenantId, made.id)).toEqual([renewed]);
      expect(await servers().update(tenantId, made.id, change)).toBeUndefined();
      await servers().update(tenantId, made.id, { ...change, version: 2, secrets: [secret], kept: ["OTHER"] });
      const names = (await servers().secrets(tenantId, made.id)).map(({ name }) => name);
      expect(names.toSorted()).toEqual(["OTHER", "TOKEN"]);
    });

    test("goes with its secrets and its tools; the record of its calls stays", async () => {
      const made = await given();
      await tools().record(tenantId, made, [tool("a")]);
      await toolCallRepository(database).record(tenantId, call(made.id));
      expect(await servers().delete(tenantId, made.id)).toMatchObject({ id: made.id });
      expect(await servers().secrets(tenantId, made.id)).toEqual([]);
      expect(await tools().list(tenantId, [made.id], 9)).toEqual([]);
      const page = { limit: 9, after: undefined };
      expect(await toolCallRepository(database).list(tenantId, made.id, page)).toHaveLength(1);
    });

    test("is listed page by page, newest first, and by name where it is enabled", async () => {
      const own = await givenTenant(database);
      for (const name of ["b", "a", "c"]) await servers().create(own, asked({ name, enabled: name !== "c" }));
      const first = await servers().list(own, { limit: 2, after: undefined });
      const last = first.at(-1);
      const after = last && { at: last.createdAt, id: last.id };
      const rest = await servers().list(own, { limit: 2, after });
      expect([...first, ...rest].map(({ name }) => name).toSorted()).toEqual(["a", "b", "c"]);
      expect(rest).toHaveLength(1);
      expect((await servers().listEnabled(own)).map(({ name }) => name)).toEqual(["a", "b"]);
    });
  });

  describe("the tools of a server", () => {
    test("are as they were last seen", async () => {
      const made = await given();
      const described: CallableTool = {
        ...tool("read"),
        title: "Read",
        description: "Reads\na file",
        outputSchema: { type: "object", properties: { text: { type: "string" } } },
        annotations: { readOnlyHint: true },
      };
      expect(await tools().record(tenantId, made, [described, tool("write")])).toBe(true);
      expect(await tools().record(tenantId, made, [described, tool("write")])).toBe(false);
      expect(await tools().find(tenantId, { serverId: made.id, name: "read" })).toEqual({
        ...described,
        serverId: made.id,
      });
      const called = await tools().findByCallName(tenantId, made.id, "files__read");
      expect(called).toEqual({ ...described, serverId: made.id });
      expect(await tools().findByCallName(tenantId, made.id, "read")).toBeUndefined();
      expect(await tools().find(other, { serverId: made.id, name: "read" })).toBeUndefined();
      expect(await servers().find(tenantId, made.id)).toMatchObject({ toolCount: 2, toolsSeenAt: expect.any(String) });
      expect(await tools().record(tenantId, made, [tool("write")])).toBe(true);
      expect(await tools().list(tenantId, [made.id], 9)).toEqual([{ ...tool("write"), serverId: made.id }]);
    });

    test("are those of the server as it is now", async () => {
      const made = await given();
      await servers().update(tenantId, made.id, { version: 1, server: made, secrets: [], kept: [] });
      expect(await tools().record(tenantId, made, [tool("old")])).toBe(false);
      expect(await tools().list(tenantId, [made.id], 9)).toEqual([]);
    });

    test("are listed in short, each description cut", async () => {
      const made = await given();
      await tools().record(tenantId, made, [{ ...tool("a"), description: "x".repeat(300) }]);
      expect(await tools().summaries(tenantId, [made.id], 9)).toEqual([
        { serverId: made.id, name: "a", callName: "files__a", description: "x".repeat(200) },
      ]);
    });

    test.each([
      ["a word of the name", "issue", ["createIssue", "list_issues"]],
      ["a word's beginning", "weath", ["forecast"]],
      ["another form of the word", "raining", ["forecast"]],
      ["any of the words, the best first", "create weather issue", ["createIssue"]],
      ["nothing that is an operator", "| & ! ( ' \\ :*", []],
    ])("are found by %s", async (_what, query, expected) => {
      const made = await given();
      const forecast = { ...tool("forecast"), description: "Weather: will it rain?" };
      await tools().record(tenantId, made, [tool("createIssue"), tool("list_issues"), forecast]);
      const found = await tools().search(tenantId, [made.id], { query, limit: expected.length === 1 ? 1 : 9 });
      expect(found.map(({ name }) => name).toSorted()).toEqual(expected);
    });
  });

  test("a server that is due is looked at by one, and its standing is kept", async () => {
    const made = await given();
    const disabled = await given({ enabled: false });
    const claim = { limit: 100, againInMs: 60_000 };
    const others = await toolChecks(database).claim({ ...claim, except: [tenantId] });
    expect(others.filter((one) => one.tenantId === tenantId)).toEqual([]);
    const claims = await Promise.all([1, 2].map(() => toolChecks(database).claim(claim)));
    const ids = claims.flat().map(({ server }) => server.id);
    expect(ids.filter((id) => id === made.id)).toHaveLength(1);
    expect(ids).not.toContain(disabled.id);
    expect(claims.flat().find(({ server }) => server.id === made.id)?.tenantId).toBe(tenantId);
    const error = { code: "unavailable", reason: "crashed", message: "the program ended" } as const;
    await toolChecks(database).record(tenantId, made, { state: "unhealthy", latencyMs: 12.4, error });
    expect(await servers().find(tenantId, made.id)).toMatchObject({
      check: { state: "unhealthy", latencyMs: 12, error, checkedAt: expect.any(String) },
    });
    await toolChecks(database).record(tenantId, made, { state: "healthy", latencyMs: 1 });
    expect((await servers().find(tenantId, made.id))?.check).not.toHaveProperty("error");
  });

  test("calls are recorded, listed newest first by their tenant alone, and pruned by age", async () => {
    const calls = toolCallRepository(database);
    const serverId = newUuid<ToolServerId>();
    const old = { ...call(serverId), outcome: "unavailable", reason: "breaker_open" } as const;
    await calls.record(tenantId, old);
    await calls.record(tenantId, call(serverId));
    const page = { limit: 9, after: undefined };
    expect(await calls.list(other, serverId, page)).toEqual([]);
    const [newest, oldest] = await calls.list(tenantId, serverId, page);
    expect(oldest).toEqual({ ...old, durationMs: 3, at: expect.any(String) });
    const after = { at: newest?.at ?? "", id: newest?.id ?? "" };
    expect(await calls.list(tenantId, serverId, { limit: 9, after })).toEqual([oldest]);
    await database.query(sql`update tool_call set at = at - interval '31 days' where id = ${old.id}`);
    await prune(database);
    expect(await calls.list(tenantId, serverId, page)).toEqual([newest]);
  });
});

function tool(name: string): CallableTool {
  return {
    name,
    callName: `files__${name}`,
    inputSchema: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
  };
}

function call(serverId: ToolServerId) {
  return {
    id: newUuid<ToolCallId>(),
    serverId,
    tool: "read",
    principalId: newUuid<ApiKeyId>(),
    door: "rest" as const,
    outcome: "ok" as const,
    durationMs: 3.4,
    argumentBytes: 10,
    argumentsSha256: "a1".repeat(32),
    resultBytes: 20,
  };
}
