import type { AgentId, ClaimedTask, TaskId, TenantId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import type { ClaimAsked } from "@devmesh/tasks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { addRoomyCaps, assertAddsUp, assertNobodyWaitsInVain, read } from "../kit/adds-up.ts";
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
  | "claim"
  | "claim_again"
  | "claim_in_vain"
  | "sweep";

const deeds: readonly Deed[] = [
  ...Array<Deed>(6).fill("submit"),
  ...Array<Deed>(2).fill("delegate"),
  ...Array<Deed>(3).fill("yield"),
  ...Array<Deed>(8).fill("accept"),
  ...Array<Deed>(8).fill("complete"),
  ...Array<Deed>(6).fill("claim"),
  "claim_again",
  "claim_in_vain",
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
  test(`adds up, whatever happens at once (seed ${seed})`, async () => {
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
  await addRoomyCaps(database, mesh.tenantId, 9);
  const capabilities = [{ name: "work", costMicroUsd: 3 }];
  const agents = await Promise.all(
    ["a", "b", "c"].map((name, index) => mesh.addAgent(name, { maxConcurrency: index + 1, capabilities })),
  );
  const pullers = await Promise.all(
    ["d", "e"].map((name, index) => mesh.addAgent(name, { maxConcurrency: index + 1, capabilities, delivery: "pull" })),
  );
  const tasks: TaskId[] = [];
  for (const gust of gusts) {
    const offers = await openOffers(database, mesh.tenantId);
    await Promise.all(gust.map((one) => carryOut(one.hand === 0 ? mesh : second, one, { tasks, offers, pullers })));
    await assertAddsUp(database, mesh.tenantId);
  }
  await assertNobodyWaitsInVain(database, mesh, agents);
  await Promise.all(pullers.map((agentId) => claimAll(mesh, agentId)));
  // those who claim until they get nothing leave nothing that fits them while they have a free slot
  const unclaimed = await read(
    database,
    sql`
    select t.id
    from task t
    join lane_agent la on la.lane_id = t.lane_id and la.misfit is null
    join agent_slot s on s.agent_id = la.agent_id and s.in_flight + s.awaited < s.max_concurrency
    where t.tenant_id = ${mesh.tenantId} and t.state = 'queued'`,
  );
  expect(unclaimed).toEqual([]);
  await assertAddsUp(database, mesh.tenantId);
}

async function carryOut(
  mesh: Mesh,
  { what, which }: DeedAsked,
  { tasks, offers, pullers }: { tasks: TaskId[]; offers: readonly Offer[]; pullers: readonly AgentId[] },
): Promise<unknown> {
  const puller = pullers[which % pullers.length];
  if (isClaim(what)) return puller && claim(mesh, puller, claimsOf(which)[what]);
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

type ClaimDeed = Extract<Deed, `claim${string}`>;

function isClaim(what: Deed): what is ClaimDeed {
  return what.startsWith("claim");
}

/** One takes what it gets; one may be what another hand has claimed with the same key; one nobody waits for. */
function claimsOf(which: number): Readonly<Record<ClaimDeed, Partial<ClaimAsked>>> {
  return {
    claim: { max: 1 + (which % 3) },
    claim_again: { max: 1, idempotencyKey: `key ${which % 7}` },
    claim_in_vain: { max: 3, waitMs: 1_000, signal: AbortSignal.timeout(which % 5) },
  };
}

/** Most claims come when their agent is busy. */
async function claim(mesh: Mesh, agentId: AgentId, asked: Partial<ClaimAsked>): Promise<readonly ClaimedTask[]> {
  return mesh.claim(agentId, asked).catch((error) => {
    expect(["busy", "idempotency_key_reused", "cancelled"]).toContain(error.reason ?? error.code);
    return [];
  });
}

/** A claim may give less than there is room for, while others take and give back. */
async function claimAll(mesh: Mesh, agentId: AgentId): Promise<void> {
  while ((await claim(mesh, agentId, { max: 20 })).length > 0);
}

function toWord(
  what: Exclude<Deed, "submit" | "delegate" | "yield" | "sweep" | "cancel" | "redrive" | ClaimDeed>,
): Parameters<Mesh["say"]>[1] {
  switch (what) {
    case "complete":
      return { kind: "complete", output: "1", artifacts: undefined, usage: '{"costMicroUsd":2}' };
    case "fail":
      return { kind: "fail", class: "permanent", message: "storm", usage: '{"costMicroUsd":5}' };
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
