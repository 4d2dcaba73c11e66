import type { AgentId, TaskId } from "@devmesh/models";
import { type Database, sql } from "@devmesh/repositories";
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

const seed = Number(process.env["FAST_CHECK_SEED"] ?? Date.now() % 2 ** 31);
const deed = fc.record({ what: fc.constantFrom(...deeds), which: fc.nat(), hand: fc.nat({ max: 1 }) });
type DeedAsked = typeof deed extends fc.Arbitrary<infer T> ? T : never;

describeEachDriver("delegation in a storm", (database) => {
  test(`adds up, and lets every parent go on (seed ${seed})`, { timeout: 120_000 }, async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(deed, { minLength: 1, maxLength: 8 }), { minLength: 90, maxLength: 90 }),
        async (gusts) => {
          told += await storm(database(), gusts);
        },
      ),
      { seed, numRuns: 3, endOnFailure: true },
    );
    expect(told).toBeGreaterThan(3);
  });
});

/** Each gust happens at once, through two engines on one database; gives how many parents were told of their children. */
async function storm(database: Database, gusts: readonly (readonly DeedAsked[])[]): Promise<number> {
  await using mesh = await openMesh(database, { leaseMs: 60_000, random: () => 0 });
  await using second = await openMesh(database, { tenantId: mesh.tenantId, leaseMs: 60_000, random: () => 0 });
  await addRoomyCaps(database, mesh.tenantId, 6);
  const capabilities = [{ name: "work", costMicroUsd: 3 }];
  const agents = await Promise.all(
    ["a", "b", "c"].map((name) => mesh.addAgent(name, { maxConcurrency: 2, capabilities })),
  );
  for (let task = 0; task < 6; task++) await mesh.submit({ type: "work" });
  for (const gust of gusts) {
    const tries = await openTries(database, mesh);
    await Promise.all(gust.map((one) => carryOut(one.hand === 0 ? mesh : second, one, { tries, agents })));
    await assertAddsUp(database, mesh.tenantId);
  }
  await assertNobodyWaitsInVain(database, mesh, agents);
  const statement = sql`select seq from mailbox where tenant_id = ${mesh.tenantId} and type = ${0x0303}`;
  return (await read(database, statement)).length;
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
      return mesh.say(one, { kind: "complete", output: "1", artifacts: undefined, usage: undefined });
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
