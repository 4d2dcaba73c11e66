import type { AgentId, AssignmentId, NewTask, TenantId } from "@devmesh/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  describeOnPostgres,
  givenAgent,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
} from "../../test/fixture.ts";
import { capture, rowsRead, rowsReadPlainly } from "../../test/rows-read.ts";
import { agentRepository } from "../agents/agent-repository.ts";
import { pullRepository } from "../agents/pull-repository.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { findWaitingToolAgents } from "../tasks/tool-inputs.ts";
import { findCandidates, lockHeads } from "./candidates.ts";
import { findClaimant, findClaimed } from "./find-claimed.ts";

describeOnPostgres(describePlans);

/** Waiting tasks of the lane, and as many frames and ended assignments of the agent. */
const backlog = 20_000;
/** Other agents that fit the lane. */
const others = 300;

function describePlans(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  let agentId: AgentId;
  let task: NewTask;
  const assignmentId = newUuid<AssignmentId>();
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
    task = await givenTask(database, tenantId);
    await givenAgent(database, tenantId, { name: "first" });
    const registration = { name: "puller", kind: "worker", capabilities: [{ name: "work", level: 1 }] } as const;
    const options = { delivery: "pull", presenceMs: 60_000 } as const;
    const all = { ...registration, capabilities: [...registration.capabilities], maxConcurrency: 5 };
    agentId = (await agentRepository(database).register(tenantId, newUuid<AgentId>(), all, options)).id;
    const own = { ...all, name: "devmesh.tools" };
    await agentRepository(database).register(tenantId, newUuid<AgentId>(), own, options);
    await fill();
  });
  afterAll(() => stack.disposeAsync());

  async function fill(): Promise<void> {
    await database.query(sql`
      insert into task (tenant_id, id, state, lane_id, rank, queue_rank, strategy, max_attempts, timeout_ms, event_seq)
      select ${tenantId}, gen_random_uuid(), 'queued', ${task.laneId}, n, n, 'round_robin', 3, 60000, 1
      from generate_series(1, ${backlog}::int) as n`);
    await database.query(sql`
      insert into assignment (tenant_id, id, task_id, agent_id, fence, seq, state, is_open, attempt, strategy, why,
        lease_ms, accept_until, check_at)
      select ${tenantId}, case n when 1 then ${assignmentId}::uuid else gen_random_uuid() end, ${task.id}, ${agentId}, n,
        n, 'completed', false, 1, 'round_robin', '{}', 1, now(), now()
      from generate_series(1, ${backlog}::int) as n`);
    await database.query(sql`
      insert into mailbox (tenant_id, agent_id, seq, type, payload, counted_bytes)
      select ${tenantId}, ${agentId}, n, 1, '{}', 2 from generate_series(1, ${backlog}::int) as n`);
    await database.query(sql`update agent_slot set next_seq = ${backlog + 1} where agent_id = ${agentId}`);
    await database.query(sql`
      with a as (
        insert into agent (tenant_id, id, name, kind, capabilities, delivery)
        select ${tenantId}, gen_random_uuid(), 'a' || n, 'worker', '[]', 'pull' from generate_series(1, ${others}::int) as n
        returning id
      ), s as (
        insert into agent_slot (tenant_id, agent_id, max_concurrency, present_until) select ${tenantId}, id, 5, now() from a
      )
      insert into lane_agent (tenant_id, lane_id, agent_id) select ${tenantId}, ${task.laneId}, id from a`);
  }

  const slot = () => ({ tenantId, agentId });
  const lanes = () => [{ tenantId, laneId: task.laneId }];

  // as right after a rush, and as usual
  describe.each([
    ["without statistics", () => undefined],
    ["with statistics", () => database.query(sql`analyze`)],
  ])("%s", (_, prepare) => {
    beforeAll(async () => {
      await prepare();
    });

    test.each<readonly [string, (database: Database) => Promise<unknown>, number]>([
      ["who may claim", (one) => findClaimant(one, slot()), 10],
      ["for what", (one) => findCandidates(one, { lanes: [], agents: [slot()] }, 2_000, "claim"), 10],
      ["whom to wake", (one) => findCandidates(one, { lanes: lanes(), agents: [] }, 2_000, "claim"), 10 * others],
      ["the heads of lanes", (one) => lockHeads(one, lanes(), { perLane: 5, limit: 5 }), 20],
      ["what was claimed", (one) => findClaimed(one, slot(), [assignmentId]), 10],
      ["a sign of life", (one) => pullRepository(one).heartbeat(slot(), { presenceMs: 1_000 }), 1_010],
      [
        "a sign of life with a load",
        (one) => pullRepository(one).heartbeat(slot(), { presenceMs: 1_000, load: { cpu: 1 } }),
        1_010,
      ],
      ["mail", (one) => pullRepository(one).readInbox(slot(), { limit: 10 }), 30],
      ["mail further on", (one) => pullRepository(one).readInbox(slot(), { limit: 10, afterSeq: backlog / 2 }), 30],
      ["an acknowledgement", (one) => pullRepository(one).acknowledge(slot(), 7), 20],
    ])("of %s as many rows are read at any backlog", async (_, run, most) => {
      const statement = await capture(async (fake) => run(fake).catch(() => undefined));
      expect(await rowsRead(database, tenantId, statement)).toBeLessThanOrEqual(most);
    });

    test("of what nodes left for the mesh's own agents as many rows are read at any backlog", async () => {
      const statement = await capture((fake) => findWaitingToolAgents(fake, 100));
      expect(await rowsReadPlainly(database, statement)).toBeLessThanOrEqual(10);
      expect(await findWaitingToolAgents(database, 100)).toHaveLength(1);
    });
  });
}
