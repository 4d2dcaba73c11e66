import type { AgentId, TaskId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { addRoomyCaps, assertAddsUp, assertNobodyWaitsInVain, read } from "../kit/adds-up.ts";
import { describeEachDriver } from "../kit/each-driver.ts";
import { type Mesh, type Offer, openMesh } from "../kit/mesh.ts";

/** What is done to the open tries, and to what was delegated from them. */
type Deed = "go_on" | "delegate" | "yield" | "complete" | "fail" | "cancel" | "release" | "sweep" | "submit";

const deeds: readonly Deed[] = [
  ...Array<Deed>(20).fill("go_on"),
  ...Array<Deed>(6).fill("yield"),
  ...Array<Deed>(12).fill("complete"),
  "delegate",
  "fail",
  "cancel",
  "release",
  "sweep",
  "submit",
];

/** Of three agents with two each. */
const slots = 6;
const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2 ** 31);
const deed = fc.record({ what: fc.constantFrom(...deeds), which: fc.nat(), hand: fc.nat({ max: 1 }) });
type DeedAsked = typeof deed extends fc.Arbitrary<infer T> ? T : never;

describeEachDriver("delegation in a storm", (database) => {
  test(`adds up, and lets every parent go on (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(deed, { minLength: 1, maxLength: 8 }), { minLength: 90, maxLength: 90 }),
        (gusts) => storm(database(), gusts),
      ),
      { seed, numRuns: 3, endOnFailure: true },
    );
  });
});

/**
 * Each gust happens at once, through two engines on one database. Whatever they left, every parent that waits at their
 * end is told of its children, once; and so are those of a last gust, in which all that have a slot give it up at once.
 */
async function storm(database: Database, gusts: readonly (readonly DeedAsked[])[]): Promise<void> {
  await using mesh = await openMesh(database, { leaseMs: 60_000, random: () => 0 });
  await using second = await openMesh(database, { tenantId: mesh.tenantId, leaseMs: 60_000, random: () => 0 });
  await addRoomyCaps(database, mesh.tenantId, slots);
  const capabilities = [{ name: "work", costMicroUsd: 3 }];
  const agents = await Promise.all(
    ["a", "b", "c"].map((name) => mesh.addAgent(name, { maxConcurrency: 2, capabilities })),
  );
  for (let task = 0; task < slots; task++) await mesh.submit({ type: "work" });
  for (const gust of gusts) {
    const tries = await openTries(database, mesh);
    await Promise.all(gust.map((one) => carryOut(one.hand === 0 ? mesh : second, one, { tries, agents })));
    await assertAddsUp(database, mesh.tenantId);
  }
  await assertNobodyWaitsInVain(database, mesh, agents);
  await assertParentsAreTold(database, [mesh, second]);

  for (let task = 0; task < slots; task++) await mesh.submit({ type: "work" });
  const roots = await waitFor(async () => allWithSlot(await openTries(database, mesh)), {
    what: "a try in every slot",
  });
  await Promise.all(roots.map((one) => mesh.say(one, { kind: "accept" })));
  const children = await Promise.all(roots.map((one, place) => delegate(place % 2 === 0 ? mesh : second, one, true)));
  expect(children).not.toContain(undefined);
  expect(await assertParentsAreTold(database, [mesh, second])).toBe(slots);
  await assertNobodyWaitsInVain(database, mesh, agents);
}

function allWithSlot(tries: readonly Try[]): readonly Try[] | undefined {
  return tries.length === slots ? tries : undefined;
}

/** Completes all that there is to do, children before the parents that wait for them; gives how many parents waited. */
async function assertParentsAreTold(database: Database, meshes: readonly [Mesh, Mesh]): Promise<number> {
  const [mesh, second] = meshes;
  const told = async (): Promise<ReadonlyMap<string, number>> => {
    const statement = sql`
      select payload->>'correlationId' as "assignmentId", count(*)::int as times
      from mailbox where tenant_id = ${mesh.tenantId} and type = ${0x0303} group by 1`;
    const rows = await read<{ assignmentId: string; times: number }>(database, statement);
    return new Map(rows.map(({ assignmentId, times }) => [assignmentId, times]));
  };
  const [before, tries] = await Promise.all([told(), openTries(database, mesh)]);
  const waiting = tries.filter(({ slot }) => slot !== "held").map(({ assignmentId }) => assignmentId);
  const isDone = async (): Promise<boolean> => {
    const open = await openTries(database, mesh);
    const held = open.filter(({ slot }) => slot === "held");
    await Promise.all(held.map((one, place) => finish(place % 2 === 0 ? mesh : second, one)));
    await mesh.engine.sweep();
    return open.length === 0 && (await countUnfinished(database, mesh)) === 0;
  };
  await waitFor(isDone, { what: "the end of all tasks" });
  const after = await told();
  expect(waiting.map((id) => (after.get(id) ?? 0) - (before.get(id) ?? 0))).toEqual(waiting.map(() => 1));
  return waiting.length;
}

async function carryOut(
  mesh: Mesh,
  { what, which }: DeedAsked,
  { tries, agents }: { readonly tries: readonly Try[]; readonly agents: readonly AgentId[] },
): Promise<unknown> {
  const { tenantId } = mesh;
  // parents wait for their children as a rule: only what holds a slot is completed
  const apt = what === "complete" ? tries.filter(({ slot }) => slot === "held") : tries;
  const one = apt[which % Math.max(apt.length, 1)];
  if (what === "submit" || one === undefined) return mesh.submit({ type: "work" });
  switch (what) {
    case "go_on":
      return mesh.say(one, { kind: one.state === "offered" ? "accept" : "progress" });
    case "yield":
    case "delegate":
      return delegate(mesh, one, what === "yield");
    case "complete":
      return mesh.say(one, completion);
    case "fail":
      return mesh.say(one, { kind: "fail", class: "permanent", message: "storm", usage: undefined });
    case "cancel":
      return mesh.engine.cancel({ tenantId, taskId: one.taskId }, "storm");
    case "release": {
      const agentId = agents[which % agents.length] as AgentId;
      return mesh.engine.release({ tenantId, agentId }, { offeredOnly: false, reason: "storm" });
    }
    case "sweep":
      return mesh.engine.sweep();
  }
}

async function finish(mesh: Mesh, one: Try): Promise<void> {
  if (one.state === "offered") await mesh.say(one, { kind: "accept" });
  await mesh.say(one, completion);
}

/** What is refused has ended meanwhile, was not accepted, or lies too deep. */
async function delegate(mesh: Mesh, { assignmentId, agentId }: Offer, yieldSlot: boolean): Promise<TaskId | undefined> {
  const context = { ...mesh.context, delegation: { assignmentId, agentId, yieldSlot } };
  try {
    return (await mesh.engine.submit(context, { type: "work" })).task.id;
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^(not_found|conflict|failed_precondition)$/) });
    return undefined;
  }
}

const completion = { kind: "complete", output: "1", artifacts: undefined, usage: undefined } as const;

interface Try extends Offer {
  readonly state: string;
  readonly slot: string;
}

function openTries(database: Database, mesh: Mesh): Promise<readonly Try[]> {
  return read<Try>(
    database,
    sql`
    select task_id as "taskId", id as "assignmentId", agent_id as "agentId", fence, state, slot
    from assignment where tenant_id = ${mesh.tenantId} and is_open order by id`,
  );
}

async function countUnfinished(database: Database, mesh: Mesh): Promise<number> {
  const statement = sql`select id from task where tenant_id = ${mesh.tenantId} and finished_at is null`;
  return (await read(database, statement)).length;
}
