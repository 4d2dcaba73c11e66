import type { NamedSecret, TenantId, ToolCheck, ToolServer, ToolServerId } from "@devmesh/models";
import { expect, test } from "vitest";
import { serverFindings } from "./server-findings.ts";

const tenantId = "t" as TenantId;
const serverId = "s" as ToolServerId;
const server = { id: serverId, name: "files", version: 3 } as ToolServer;
const check: ToolCheck = { state: "healthy", latencyMs: 5 };
const tool = { name: "read", inputSchema: { type: "object" } } as const;
const sealed: NamedSecret = { name: "TOKEN", keyId: "k", nonce: "", tag: "t\ns\nTOKEN", ciphertext: "hunter2" };

function findings(isChanged = true) {
  const written: unknown[] = [];
  const store = serverFindings({
    servers: { find: async () => server, secrets: async () => [sealed] },
    box: {
      seal: () => sealed,
      open: ({ ciphertext, tag }, place) => (tag === place ? ciphertext : "sealed for another place"),
    },
    tools: {
      record: async (_, { version }, tools) => {
        written.push(version, tools);
        return isChanged;
      },
    },
    checks: { record: async (_, about, found) => written.push(about.version, found) > 0 },
    onToolsChanged: (tenant) => written.push(`changed: ${tenant}`),
  });
  return { store, written };
}

const target = { tenantId, serverId, version: 3 };

test("keeps how a look went and what it gave, each tool with the name that it is called by, and tells of a change", async () => {
  const { store, written } = findings();
  await store.writeCheck(target, check, { tools: [tool], leftOut: [] });
  expect(written).toEqual([3, [{ ...tool, callName: "files__read" }], 3, check, "changed: t"]);
});

test("tells nobody where nothing changed, and leaves the tools where a look gave none", async () => {
  const { store, written } = findings(false);
  await store.writeCheck(target, check, { tools: [], leftOut: [] });
  expect(written).toEqual([3, [], 3, check]);
  await store.writeCheck(target, check, undefined);
  expect(written.slice(4)).toEqual([3, check]);
});

test("keeps nothing of a server that is another by now", async () => {
  const { store, written } = findings();
  await store.writeCheck({ ...target, version: 2 }, check, { tools: [tool], leftOut: [] });
  expect(written).toEqual([]);
});

test("opens the secrets where they belong", async () => {
  const { store } = findings();
  expect([...(await store.findSecrets(tenantId, serverId))]).toEqual([["TOKEN", "hunter2"]]);
});
