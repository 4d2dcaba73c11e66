import type { Principal, Scope } from "@devmesh/auth";
import { expect, test } from "vitest";
import { type ExternalToolDeps, externalRun, findExternalTool } from "./external-run.ts";

const servers = [{ name: "bank", scopes: ["keys:admin"] }];
const run = externalRun({ tenantServers: { of: async () => ({ servers, tools: [] }) } } as unknown as ExternalToolDeps);

test.each<[string, readonly Scope[], boolean]>([
  ["bank__pay", ["tools:execute", "keys:admin"], true],
  ["bank__pay", ["admin"], true],
  ["bank__pay", ["tools:execute"], false],
  ["bank__pay", ["keys:admin"], false],
  // what is gone is another matter
  ["gone__pay", ["tools:execute"], true],
])("a call of %s that goes on with %j is allowed: %s", async (name, scopes, isAllowed) => {
  expect(await run.isAllowed?.({ scopes } as Principal, { name, arguments: {} })).toBe(isAllowed);
});

test("a tool is found as soon as it is there, whatever is remembered", async () => {
  const server = { id: "s", name: "bank", scopes: [] };
  const tool = { serverId: "s", name: "pay", callName: "bank__pay" };
  const remembered = { servers: [], tools: [] };
  const deps = {
    tenantServers: { of: async () => remembered, ofNow: async () => ({ servers: [server], tools: [tool] }) },
  };
  const principal = { scopes: ["tools:execute"] } as unknown as Principal;
  expect(await findExternalTool(deps as unknown as ExternalToolDeps, principal, "bank__pay")).toEqual({ server, tool });
});
