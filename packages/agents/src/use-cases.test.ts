import type { Agent, AgentId, AgentRegistration, AgentUpdate, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import type { AgentStore, Page } from "./agent-store.ts";
import { discoverAgents } from "./discover-agents.ts";
import { registerAgent } from "./register-agent.ts";
import { updateAgent } from "./update-agent.ts";

const tenantId = "018f0000-0000-7000-8000-00000000000a" as TenantId;
const id = "018f0000-0000-7000-8000-000000000001" as AgentId;

function agentNamed(name: string): Agent {
  return {
    id,
    name,
    kind: "worker",
    capabilities: [],
    maxConcurrency: 1,
    inFlight: 0,
    connection: "disconnected",
    availability: "available",
    health: "healthy",
    admin: "active",
    load: {},
    metadata: {},
    delivery: "push",
    registeredAt: "2026-01-01T00:00:00.000Z",
    lastSeenAt: "2026-01-01T00:00:00.000Z",
  };
}

test("registering fills in the defaults", async () => {
  const asked: AgentRegistration[] = [];
  const register: AgentStore["register"] = async (_tenant, _id, registration) => {
    asked.push(registration);
    return agentNamed(registration.name);
  };
  const deps = { store: { register }, newId: () => id };
  await registerAgent(deps, { tenantId, delivery: "push" }, { name: "a", capabilities: [{ name: "x" }] });
  expect(asked).toEqual([{ name: "a", kind: "worker", capabilities: [{ name: "x", level: 1 }], maxConcurrency: 1 }]);
});

test("nobody registers the mesh's own agent", async () => {
  const register: AgentStore["register"] = async (_tenant, _id, { name }) => agentNamed(name);
  const deps = { store: { register }, newId: () => id };
  const registration = { name: "devmesh.tools", capabilities: [] };
  await expect(registerAgent(deps, { tenantId, delivery: "pull" }, registration)).rejects.toMatchObject({
    code: "permission_denied",
  });
});

test("a bound credential can register no other name", async () => {
  const register: AgentStore["register"] = async (_tenant, _id, { name }) => agentNamed(name);
  const deps = { store: { register }, newId: () => id };
  const context = { tenantId, delivery: "push", onlyName: "b" } as const;
  await expect(registerAgent(deps, context, { name: "a", capabilities: [] })).rejects.toMatchObject({
    code: "permission_denied",
  });
});

test("updating an unknown agent is not_found, a faulty update invalid_argument", async () => {
  const update = async (_tenant: TenantId, _agent: AgentId, _update: AgentUpdate): Promise<undefined> => undefined;
  await expect(updateAgent({ update }, { tenantId, agentId: id }, {})).rejects.toMatchObject({ code: "not_found" });
  await expect(updateAgent({ update }, { tenantId, agentId: id }, { maxConcurrency: 0 })).rejects.toMatchObject({
    code: "invalid_argument",
  });
});

test("a full page tells where the next begins, the last one does not", async () => {
  const list = async (_tenant: TenantId, _filter: object, { limit }: Page): Promise<readonly Agent[]> =>
    ["a", "b", "c"].slice(0, limit).map(agentNamed);
  const two = await discoverAgents({ list }, tenantId, { filter: {}, page: { limit: 2 } });
  expect(two).toMatchObject({ agents: [{ name: "a" }, { name: "b" }], next: { at: "2026-01-01T00:00:00.000Z", id } });
  const three = await discoverAgents({ list }, tenantId, { filter: {}, page: { limit: 3 } });
  expect(three.agents.length).toBe(3);
  expect(three.next).toBeUndefined();
});
