import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { openMesh } from "../kit/mesh.ts";

describeEachDriver("claims", (database) => {
  test("a claim gives a whole task, accepted, with the lease that was asked for", async () => {
    await using mesh = await openMesh(database());
    const agentId = await mesh.addAgent("puller", { delivery: "pull" });
    const taskId = await mesh.submit({ type: "work", input: { a: 1 } });
    const [claimed] = await mesh.claim(agentId, { leaseMs: 60_000 });
    expect(claimed).toMatchObject({ fence: 1, state: "running", leaseMs: 60_000 });
    expect(claimed?.task).toMatchObject({ id: taskId, state: "running", input: { a: 1 } });
    expect(await mesh.events(taskId)).toEqual(["created", "queued", "assigned", "accepted"]);
  });
});
