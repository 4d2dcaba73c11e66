import { randomUUID } from "node:crypto";
import type { TaskId, TenantId } from "@devmesh/models";
import { findWaitingToolAgents, outboxRepository, sql, toolInputs } from "@devmesh/repositories";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { openMesh } from "../kit/mesh.ts";

const newAsked = () => ({
  tenantId: randomUUID() as TenantId,
  taskId: randomUUID() as TaskId,
  questionId: randomUUID(),
});

describeEachDriver("answers to a tool", (database) => {
  test("of two that come at once, one sees both at least", async () => {
    const inputs = toolInputs(database());
    const asked = newAsked();
    const seen = await Promise.all([
      inputs.add(asked, new Map([["a", '{"action":"accept"}']])),
      inputs.add(asked, new Map([["b", '{"action":"decline"}']])),
    ]);
    expect(Math.max(...seen.map(({ size }) => size))).toBe(2);
    expect(await inputs.find(asked)).toEqual(
      new Map([
        ["a", { action: "accept" }],
        ["b", { action: "decline" }],
      ]),
    );
  });

  test("the first to a name counts", async () => {
    const inputs = toolInputs(database());
    const asked = newAsked();
    await inputs.add(asked, new Map([["a", "1"]]));
    expect(await inputs.add(asked, new Map([["a", "2"]]))).toEqual(new Map([["a", 1]]));
  });

  test("are the tenant's own, and are forgotten by question", async () => {
    const inputs = toolInputs(database());
    const asked = newAsked();
    const other = { ...asked, questionId: randomUUID() };
    await inputs.add(asked, new Map([["a", "1"]]));
    await inputs.add(other, new Map([["a", "1"]]));
    expect((await inputs.find({ ...asked, tenantId: randomUUID() as TenantId })).size).toBe(0);
    await inputs.forget(asked);
    expect([(await inputs.find(asked)).size, (await inputs.find(other)).size]).toEqual([0, 1]);
  });

  test("that nobody completed are removed in the end", async () => {
    const inputs = toolInputs(database());
    const asked = newAsked();
    await inputs.add(asked, new Map([["a", "1"]]));
    await outboxRepository(database()).prune();
    expect((await inputs.find(asked)).size).toBe(1);
    await database().query(sql`
      update tool_input set answered_at = now() - interval '61 days' where question_id = ${asked.questionId}`);
    await outboxRepository(database()).prune();
    expect((await inputs.find(asked)).size).toBe(0);
  });

  test("are of runs, which are found by the agents that would hold them, of every tenant, until they are claimed", async () => {
    await using mesh = await openMesh(database());
    const own = { name: "mcp.tool" };
    const agentId = await mesh.addAgent("devmesh.tools", { delivery: "pull", capabilities: [own] });
    const other = await mesh.addAgent("other", { delivery: "pull", capabilities: [own] });
    const ours = async () => (await findWaitingToolAgents(database(), 100)).filter((one) => one.agentId === agentId);
    expect(await ours()).toEqual([]);
    await mesh.engine.submit(
      { ...mesh.context, isOwn: true },
      { type: "mcp.tool", requirements: { agent: "devmesh.tools" } },
    );
    expect(await ours()).toEqual([{ tenantId: mesh.tenantId, agentId }]);
    expect(await mesh.claim(other)).toEqual([]);
    expect(await mesh.claim(agentId)).toHaveLength(1);
    expect(await ours()).toEqual([]);
  });
});
