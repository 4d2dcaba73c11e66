import { randomUUID } from "node:crypto";
import type { LimitId, LimitKind, TaskId, TenantId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, openMesh } from "../kit/mesh.ts";

const done = { kind: "complete", output: "1", artifacts: undefined, usage: undefined } as const;

async function read<Row>(database: Database, statement: ReturnType<typeof sql>): Promise<readonly Row[]> {
  return (await database.transaction({ role: "devmesh_engine" }, (tx) => tx.query<Row>(statement))).rows;
}

async function addLimit(
  database: Database,
  tenantId: TenantId,
  [kind, value, max]: readonly [LimitKind, string, number],
): Promise<LimitId> {
  const id = randomUUID() as string as LimitId;
  await read(
    database,
    sql`insert into concurrency_limit (tenant_id, id, kind, value, max_in_flight)
      values (${tenantId}, ${id}, ${kind}, ${value}, ${max})`,
  );
  return id;
}

/** What each limit counts, and what is really in flight of it. */
async function standings(
  database: Database,
  tenantId: TenantId,
): Promise<readonly { max: number; counted: number; real: number }[]> {
  return read(
    database,
    sql`
      select c.max_in_flight as max, c.in_flight as counted, (
        select count(*)::int from assignment a
        join task_body b on b.task_id = a.task_id
        where a.tenant_id = c.tenant_id and a.is_open
          and (c.kind = 'tenant' or c.kind = 'type' and b.type = c.value or c.kind = 'label' and c.value = any (b.labels))
      ) as real
      from concurrency_limit c where c.tenant_id = ${tenantId}`,
  );
}

const states = async (mesh: Mesh, ids: readonly TaskId[]) =>
  (await Promise.all(ids.map((id) => mesh.row(id)))).map(({ state }) => state);

describeEachDriver("a limit on concurrency", (database) => {
  test("lets no more of its kind be in flight, and the next come when one has ended", async () => {
    await using mesh = await openMesh(database());
    await addLimit(database(), mesh.tenantId, ["type", "work", 2]);
    await mesh.addAgent("a", { maxConcurrency: 10, capabilities: [{ name: "work" }, { name: "other" }] });
    const work = await Promise.all([1, 2, 3, 4].map(() => mesh.submit({ type: "work" })));
    const other = await mesh.submit({ type: "other" });
    await mesh.offerOf(other);
    await waitFor(async () => (await states(mesh, work)).filter((state) => state === "assigned").length === 2, {
      what: "two of four",
    });
    await mesh.engine.sweep();
    expect(await standings(database(), mesh.tenantId)).toEqual([{ max: 2, counted: 2, real: 2 }]);
    const first = work[(await states(mesh, work)).indexOf("assigned")] as TaskId;
    const offer = await mesh.offerOf(first);
    await mesh.say(offer, { kind: "accept" });
    await mesh.say(offer, done);
    await waitFor(async () => (await states(mesh, work)).filter((state) => state === "assigned").length === 2, {
      what: "the third",
    });
    expect(await standings(database(), mesh.tenantId)).toEqual([{ max: 2, counted: 2, real: 2 }]);
  });

  test("moves what was queued before it was made to the lane of its limits", async () => {
    await using mesh = await openMesh(database());
    const tasks = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => mesh.submit({ type: "work", labels: n > 2 ? ["slow"] : [] })),
    );
    await addLimit(database(), mesh.tenantId, ["label", "slow", 1]);
    await addLimit(database(), mesh.tenantId, ["tenant", "", 4]);
    await mesh.addAgent("a", { maxConcurrency: 10 });
    await waitFor(async () => (await states(mesh, tasks)).filter((state) => state === "assigned").length === 3, {
      what: "both without the label and one with it",
    });
    await mesh.engine.sweep();
    expect((await states(mesh, tasks)).slice(0, 2)).toEqual(["assigned", "assigned"]);
    expect(await standings(database(), mesh.tenantId)).toEqual(
      expect.arrayContaining([
        { max: 1, counted: 1, real: 1 },
        { max: 4, counted: 3, real: 3 },
      ]),
    );
  });

  test("counts an assignment out however it ends, and one made before it not at all", async () => {
    await using mesh = await openMesh(database(), { random: () => 0 });
    await mesh.addAgent("a", { maxConcurrency: 10 });
    const before = await mesh.submit({ type: "work" });
    await mesh.offerOf(before);
    await addLimit(database(), mesh.tenantId, ["type", "work", 5]);
    const tasks = await Promise.all([1, 2, 3, 4].map(() => mesh.submit({ type: "work", maxAttempts: 1 })));
    const offers = await Promise.all(tasks.map((id) => mesh.offerOf(id)));
    const counted = async () => (await standings(database(), mesh.tenantId))[0]?.counted;
    expect(await counted()).toBe(4);
    const [rejected, failed, cancelled, lost] = offers as [Offered, Offered, Offered, Offered];
    await mesh.say(rejected, { kind: "reject", reason: "no" });
    await mesh.say(failed, { kind: "accept" });
    await mesh.say(failed, { kind: "fail", class: "permanent", message: "no", usage: undefined });
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: cancelled.taskId }, "test");
    await mesh.say(lost, { kind: "accept" });
    await mesh.backdate(lost.taskId, 30_000);
    await mesh.engine.sweep();
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: before }, "test");
    expect(await counted()).toBe(0);
  });

  test("does not count a parent that has yielded its slot: its child can be done behind a limit of one", async () => {
    await using mesh = await openMesh(database());
    await addLimit(database(), mesh.tenantId, ["type", "work", 1]);
    await mesh.addAgent("a", { maxConcurrency: 2 });
    const counted = async () => (await standings(database(), mesh.tenantId))[0]?.counted;
    const parent = await mesh.offerOf(await mesh.submit({ type: "work" }));
    await mesh.say(parent, { kind: "accept" });
    const delegation = { ...parent, yieldSlot: true };
    const { task } = await mesh.engine.submit({ ...mesh.context, delegation }, { type: "work" });
    const child = await mesh.offerOf(task.id);
    expect(await counted()).toBe(1);
    await mesh.say(child, { kind: "accept" });
    await mesh.say(child, done);
    const slot = async () =>
      (await read<{ slot: string }>(database(), sql`select slot from assignment where id = ${parent.assignmentId}`))[0];
    await waitFor(async () => (await slot())?.slot === "held", { what: "the parent to go on" });
    expect(await counted()).toBe(1);
    expect(await mesh.say(parent, done)).toMatchObject({ taskState: "completed" });
    expect(await counted()).toBe(0);
  });
});

type Offered = Awaited<ReturnType<Mesh["offerOf"]>>;

describeEachDriver("limits under three engines at once", (database) => {
  test("are exceeded at no moment, and nothing is left behind", async () => {
    await using mesh = await openMesh(database());
    const { tenantId } = mesh;
    await using second = await openMesh(database(), { tenantId });
    await using third = await openMesh(database(), { tenantId });
    const meshes = [mesh, second, third];
    await addLimit(database(), tenantId, ["type", "work", 3]);
    await addLimit(database(), tenantId, ["label", "red", 1]);
    await addLimit(database(), tenantId, ["tenant", "", 4]);
    const agents = ["a", "b", "c"].map((name) =>
      mesh.addAgent(name, { maxConcurrency: 5, capabilities: [{ name: "work" }, { name: "other" }] }),
    );
    await Promise.all(agents);
    const tasks = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        (meshes[n % 3] as Mesh).submit({ type: n % 4 === 0 ? "other" : "work", labels: n % 5 === 0 ? ["red"] : [] }),
      ),
    );
    let exceeded = 0;
    for (let round = 0; round < 2_000; round++) {
      const open = await read<Offered & { running: boolean }>(
        database(),
        sql`select task_id as "taskId", id as "assignmentId", agent_id as "agentId", fence, state = 'running' as running
          from assignment where tenant_id = ${tenantId} and is_open`,
      );
      const figures = await standings(database(), tenantId);
      exceeded += figures.filter(({ max, counted, real }) => counted > max || real > max).length;
      await Promise.all(
        open.map(async (offer, n) => {
          const by = meshes[(round + n) % 3] as Mesh;
          if (!offer.running) await by.say(offer, { kind: "accept" });
          await by.say(offer, done);
        }),
      );
      if ((await states(mesh, tasks)).every((state) => state === "completed")) break;
      if (open.length === 0) await mesh.engine.sweep();
    }
    expect(exceeded).toBe(0);
    expect(new Set(await states(mesh, tasks))).toEqual(new Set(["completed"]));
    expect((await standings(database(), tenantId)).map(({ counted }) => counted)).toEqual([0, 0, 0]);
  });
});
