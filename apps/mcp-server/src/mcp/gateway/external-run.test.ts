import type { Principal, Scope } from "@devmesh/auth";
import { expect, test } from "vitest";
import { type ExternalToolDeps, externalRun } from "./external-run.ts";

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
