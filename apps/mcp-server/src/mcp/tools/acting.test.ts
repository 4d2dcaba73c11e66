import type { Agent, AgentId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { actAs } from "./acting.ts";

const tenantId = "t" as TenantId;
const agents = [
  { id: "1" as AgentId, name: "one", delivery: "pull", admin: "active" },
  { id: "2" as AgentId, name: "two", delivery: "push", admin: "paused" },
  { id: "3" as AgentId, name: "three", delivery: "pull", admin: "revoked" },
  { id: "4" as AgentId, name: "devmesh.tools", delivery: "pull", admin: "active" },
] as const;

function given() {
  const renewed: string[] = [];
  const find = async (_: TenantId, idOrName: string) =>
    agents.find(({ id, name }) => id === idOrName || name === idOrName) as Agent | undefined;
  const presence = {
    presenceMs: 1,
    noteRenewed: () => undefined,
    during: <T>(_: unknown, done: Promise<T>) => done,
    renew: async ({ agentId }: { readonly agentId: AgentId }) => void renewed.push(agentId),
  };
  return { renewed, deps: { agents: { find }, presence } };
}

test("finds the agent by id or name, and renews its presence if it pulls", async () => {
  const { deps, renewed } = given();
  expect(await actAs(deps, { tenantId }, "one")).toMatchObject({ id: "1" });
  expect(await actAs(deps, { tenantId }, "2")).toMatchObject({ name: "two" });
  expect(renewed).toEqual(["1"]);
});

test("is the agent that the credential is bound to, named or not", async () => {
  const { deps } = given();
  const principal = { tenantId, agentName: "one" };
  expect(await actAs(deps, principal, undefined)).toMatchObject({ id: "1" });
  expect(await actAs(deps, principal, "1")).toMatchObject({ id: "1" });
  await expect(actAs(deps, principal, "two")).rejects.toMatchObject({ code: "permission_denied" });
});

test.each([
  ["nobody is named", undefined, { code: "invalid_argument", details: [{ path: "agent" }] }],
  ["there is no such agent", "nobody", { code: "not_found" }],
  ["it was revoked", "three", { code: "permission_denied", reason: "agent_revoked" }],
  ["it is the mesh's own", "devmesh.tools", { code: "permission_denied" }],
])("is refused where %s, and nothing is renewed", async (_, named, expected) => {
  const { deps, renewed } = given();
  await expect(actAs(deps, { tenantId }, named)).rejects.toMatchObject(expected);
  expect(renewed).toEqual([]);
});
