import type { AgentId, TaskId, TenantId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, type Offer, openMesh } from "../kit/mesh.ts";

/** What a storm does, all at once: many hands on the same tasks and agents. */
type Deed =
  | "submit"
  | "delegate"
  | "yield"
  | "accept"
  | "complete"
  | "fail"
  | "rate_limit"
  | "reject"
  | "extend"
  | "cancel"
  | "redrive"
  | "sweep";

const deeds: readonly Deed[] = [
  ...Array<Deed>(6).fill("submit"),
  ...Array<Deed>(2).fill("delegate"),
  ...Array<Deed>(3).fill("yield"),
  ...Array<Deed>(8).fill("accept"),
  ...Array<Deed>(8).fill("complete"),
  "fail",
  "rate_limit",
  "reject",
  "extend",
  "cancel",
  "redrive",
  "sweep",
];

const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2 ** 31);

describeEachDriver("the ledger in a storm", (database) => {
  test(`adds up, whatever happens at once (seed ${seed})`, { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(deed, { minLength: 1, maxLength: 20 }), { minLength: 30, maxLength: 30 }),
        async (gusts) => {
          await storm(database(), gusts);
        },
      ),
      { seed, numRuns: 5, endOnFailure: true },
    );
  });
});

const deed = fc.record({ what: fc.constantFrom(...deeds), which: fc.nat(), hand: fc.nat({ max: 1 }) });
type DeedAsked = typeof deed extends fc.Arbitrary<infer T> ? T : never;

/** Each gust happens at once, through two engines on one database; then the tenant's rows are added up. */
async function storm(database: Database, gusts: readonly (readonly DeedAsked[])[]): Promise<void> {
  await using mesh = await openMesh(database, { leaseMs: 60_000, random: () => 0 });
  await using second = await openMesh(database, { tenantId: mesh.tenantId, leaseMs: 60_000, random: () => 0 });
  const agents = await Promise.all(
    ["a", "b", "c"].map((name, index) => mesh.addAgent(name, { maxConcurrency: index + 1 })),
  );
  const tasks: TaskId[] = [];
  for (const gust of gusts) {
    const offers = await openOffers(database, mesh.tenantId);
    await Promise.all(gust.map((one) => carryOut(one.hand === 0 ? mesh : second, one, { tasks, offers })));
    await assertAddsUp(database, mesh.tenantId);
  }
  await assertNobodyWaitsInVain(database, mesh, agents);
}

async function carryOut(
  mesh: Mesh,
  { what, which }: DeedAsked,
  { tasks, offers }: { tasks: TaskId[]; offers: readonly Offer[] },
): Promise<unknown> {
  const task = tasks[which % Math.max(tasks.length, 1)];
  const offer = offers[which % Math.max(offers.length, 1)];
  const ref = task === undefined ? undefined : { tenantId: mesh.tenantId, taskId: task };
  if (what === "submit") return tasks.push(await mesh.submit({ type: "work", priority: which % 10 }));
  if (what === "sweep") return mesh.engine.sweep();
  if (what === "cancel") return ref && mesh.engine.cancel(ref, "storm");
  if (what === "redrive") return ref && mesh.engine.redrive(ref);
  if (what === "delegate" || what === "yield")
    return offer && delegate(mesh, offer, { tasks, yieldSlot: what === "yield" });
  return offer && mesh.say(offer, toWord(what));
}

function toWord(
  what: Exclude<Deed, "submit" | "delegate" | "yield" | "sweep" | "cancel" | "redrive">,
): Parameters<Mesh["say"]>[1] {
  switch (what) {
    case "complete":
      return { kind: "complete", output: "1", artifacts: undefined, usage: undefined };
    case "fail":
      return { kind: "fail", class: "permanent", message: "storm", usage: undefined };
    case "rate_limit":
      return { kind: "fail", class: "rate_limited", message: "storm", retryAfterMs: 0, usage: undefined };
    case "reject":
      return { kind: "reject", reason: "storm" };
    case "extend":
      return { kind: "extend", leaseMs: 1_000 };
    case "accept":
      return { kind: "accept" };
  }
}

/** Of most tries the storm has made an end already. */
async function delegate(
  mesh: Mesh,
  { assignmentId, agentId }: Offer,
  { tasks, yieldSlot }: { readonly tasks: TaskId[]; readonly yieldSlot: boolean },
): Promise<unknown> {
  const context = { ...mesh.context, delegation: { assignmentId, agentId, yieldSlot } };
  const refusals = ["not_found", "conflict", "failed_precondition"];
  return mesh.engine.submit(context, { type: "work" }).then(
    ({ task }) => tasks.push(task.id),
    (error) => expect(refusals).toContain(error.code),
  );
}

async function openOffers(database: Database, tenantId: TenantId): Promise<readonly Offer[]> {
  return await read<Offer>(
    database,
    sql`
    select task_id as "taskId", id as "assignmentId", agent_id as "agentId", fence
    from assignment where tenant_id = ${tenantId} order by seq desc limit 20`,
  );
}

/** Each row of what must never be: a slot miscounted or overfull, two open tries, a gap in fences, events or results. */
async function assertAddsUp(database: Database, tenantId: TenantId): Promise<void> {
  const wrong = await read<{ rule: string; id: string }>(
    database,
    sql`
    select 'slots are the open assignments that hold one' as rule, s.agent_id::text as id
    from agent_slot s
    where s.tenant_id = ${tenantId} and s.in_flight <>
      (select count(*) from assignment a where a.agent_id = s.agent_id and a.is_open and a.slot = 'held')
    union all
    select 'as many are awaited as await one', s.agent_id::text
    from agent_slot s
    where s.tenant_id = ${tenantId} and s.awaited <>
      (select count(*) from assignment a where a.agent_id = s.agent_id and a.is_open and a.slot = 'awaited')
    union all
    select 'what stands still has no time that runs', a.id::text
    from assignment a
    where a.tenant_id = ${tenantId} and a.is_open and (a.slot <> 'held') <> (a.attempt_left_ms is not null)
    union all
    select 'below a cancelled task all are final', t.id::text
    from task t join task p on p.id = t.parent_id
    where t.tenant_id = ${tenantId} and p.state = 'cancelled' and t.finished_at is null
    union all
    select 'no slot above maxConcurrency', agent_id::text
    from agent_slot where tenant_id = ${tenantId} and in_flight > max_concurrency
    union all
    select 'a task has one open try at most', task_id::text
    from assignment where tenant_id = ${tenantId} and is_open group by task_id having count(*) > 1
    union all
    select 'an open try belongs to a held task', t.id::text
    from task t where t.tenant_id = ${tenantId} and (t.state in ('assigned', 'running')) <>
      exists (select from assignment a where a.task_id = t.id and a.is_open)
    union all
    select 'fences have no gaps', t.id::text
    from task t where t.tenant_id = ${tenantId} and t.fence <> (select count(*) from assignment a where a.task_id = t.id)
    union all
    select 'events have no gaps', t.id::text
    from task t where t.tenant_id = ${tenantId} and (t.event_seq, t.event_seq) <>
      (select count(*), max(e.seq) from task_event e where e.task_id = t.id)
    union all
    select 'completed means one result', t.id::text
    from task t where t.tenant_id = ${tenantId} and (t.state = 'completed') <>
      exists (select from task_result r where r.task_id = t.id)
    union all
    select 'completed once in the history', task_id::text
    from task_event where tenant_id = ${tenantId} and type = 'task.completed' group by task_id having count(*) > 1
    union all
    select 'queued means in the queue', id::text
    from task where tenant_id = ${tenantId} and (state = 'queued') <> (queue_rank is not null)
    union all
    select 'final means finished', id::text
    from task where tenant_id = ${tenantId} and
      (state in ('completed', 'failed', 'cancelled')) <> (finished_at is not null)
    union all
    select 'each seq of an agent is given once', agent_id::text
    from (select agent_id, seq from assignment where tenant_id = ${tenantId}
      union all select agent_id, seq from mailbox where tenant_id = ${tenantId}) given
    group by agent_id having count(*) <> count(distinct seq)`,
  );
  expect(wrong).toEqual([]);
}

/** When the wind has dropped, no task waits while an agent that fits it has a free slot. */
async function assertNobodyWaitsInVain(database: Database, mesh: Mesh, agents: readonly AgentId[]): Promise<void> {
  mesh.engine.requestAssignment({
    lanes: [],
    agents: agents.map((agentId) => ({ tenantId: mesh.tenantId, agentId })),
  });
  const inVain = (): Promise<readonly unknown[]> =>
    read(
      database,
      sql`
    select t.id
    from task t
    join lane_agent la on la.lane_id = t.lane_id and la.misfit is null
    join agent_slot s on s.agent_id = la.agent_id and s.in_flight + s.awaited < s.max_concurrency
    where t.tenant_id = ${mesh.tenantId} and t.state = 'queued'
    union all
    select a.id
    from assignment a join agent_slot s on s.agent_id = a.agent_id
    where a.tenant_id = ${mesh.tenantId} and a.is_open and (
      a.slot = 'awaited' and s.in_flight < s.max_concurrency
      or a.slot = 'yielded' and not exists (select from task c where c.parent_id = a.task_id and c.finished_at is null)
    )`,
    );
  await waitFor(async () => (await inVain()).length === 0, { timeoutMs: 5_000, what: "every free slot to be filled" });
  await assertAddsUp(database, mesh.tenantId);
}

async function read<Row>(database: Database, statement: ReturnType<typeof sql>): Promise<readonly Row[]> {
  return (await database.transaction({ role: "devmesh_engine" }, (tx) => tx.query<Row>(statement))).rows;
}
