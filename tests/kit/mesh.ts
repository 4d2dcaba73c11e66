import { randomUUID } from "node:crypto";
import type {
  AgentId,
  ApiKeyId,
  AssignmentId,
  Capability,
  ClaimedTask,
  ConnectionId,
  NewId,
  TakenSlot,
  TaskId,
  TaskState,
  TenantId,
} from "@devmesh/models";
import { type Database, ledgerStore, sql } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import {
  type AgentWord,
  type ClaimAsked,
  createTaskEngine,
  type EngineHints,
  type LedgerStore,
  type Outcome,
  openOutputSchemas,
  type SubmitContext,
  type TaskEngine,
} from "@devmesh/tasks";

/** One assignment as the agent's side would know it. */
export interface Offer {
  readonly taskId: TaskId;
  readonly assignmentId: AssignmentId;
  readonly agentId: AgentId;
  readonly fence: number;
}

/** An engine over a real database with a tenant of its own, and agents that are rows without a socket. */
export interface Mesh extends AsyncDisposable {
  readonly tenantId: TenantId;
  readonly context: SubmitContext;
  readonly engine: TaskEngine;
  readonly taken: readonly TakenSlot[];
  /** Of the engine, so that its own ids and others are in the order in which they were made. */
  readonly newId: NewId;
  addAgent(name: string, options?: AgentOptions): Promise<AgentId>;
  /** Submits and gives the id. */
  submit(submission: Record<string, unknown>): Promise<TaskId>;
  /** What an agent without a connection gets for asking. */
  claim(agentId: AgentId, asked?: Partial<ClaimAsked>): Promise<readonly ClaimedTask[]>;
  /** The task's open assignment, once it has one. */
  offerOf(taskId: TaskId): Promise<Offer>;
  say(offer: Offer, word: AgentWord): Promise<Outcome>;
  row(taskId: TaskId): Promise<TaskRow>;
  events(taskId: TaskId): Promise<readonly string[]>;
  inFlight(agentId: AgentId): Promise<number>;
  /** Moves the times of a task and of its assignments into the past, so that nothing has to be waited for. */
  backdate(taskId: TaskId, ms: number): Promise<void>;
}

export interface AgentOptions {
  readonly capabilities?: readonly Partial<Capability>[];
  readonly maxConcurrency?: number;
  /** With `pull` it has a presence, and no connection. */
  readonly delivery?: "push" | "pull";
}

export interface TaskRow {
  readonly state: TaskState;
  readonly attempt: number;
  readonly counted: number;
  readonly uncounted: number;
  readonly fence: number;
  readonly error: { readonly class: string; readonly message: string } | null;
}

export interface MeshOptions {
  readonly hints?: Partial<EngineHints>;
  /** That of another mesh on the same database; one of its own unless given. */
  readonly tenantId?: TenantId;
  readonly leaseMs?: number;
  readonly acceptMs?: number;
  readonly random?: () => number;
  /** In the place of the one over the database. */
  readonly store?: LedgerStore;
}

export async function openMesh(database: Database, options: MeshOptions = {}): Promise<Mesh> {
  const tenantId = options.tenantId ?? (randomUUID() as TenantId);
  const newId = createUuidV7();
  await run(database, sql`insert into tenant (id, name) values (${tenantId}, ${tenantId}) on conflict do nothing`);
  const taken: TakenSlot[] = [];
  const errors: unknown[] = [];
  const outputSchemas = openOutputSchemas({ timeoutMs: 20_000, maxWaiting: 100 });
  const engine = createTaskEngine({
    store: options.store ?? ledgerStore(database, newId),
    hints: {
      assigned: (slots) => {
        taken.push(...slots);
        options.hints?.assigned?.(slots);
      },
      mailed: (agents) => options.hints?.mailed?.(agents),
      changed: (tasks) => options.hints?.changed?.(tasks),
      due: (at) => options.hints?.due?.(at),
      claimable: (scope) => options.hints?.claimable?.(scope),
    },
    outputSchemas,
    newId,
    random: options.random ?? Math.random,
    now: Date.now,
    leaseMs: options.leaseMs ?? 30_000,
    acceptMs: options.acceptMs ?? 10_000,
    onError: (error) => errors.push(error),
  });
  const context = { tenantId, principalId: newId() as ApiKeyId };
  return {
    tenantId,
    context,
    engine,
    taken,
    newId,
    addAgent: (name, agent) => addAgent({ database, tenantId, engine }, newId() as AgentId, { name, ...agent }),
    submit: async (submission) => (await engine.submit(context, submission)).task.id,
    claim: (agentId, asked) =>
      engine.claim({
        ...{ tenantId, agentId, principalId: context.principalId, max: 1, signal: new AbortController().signal },
        ...asked,
      }),
    offerOf: (taskId) => waitForOffer({ database, engine }, taskId),
    say: (offer, word) => engine.perform({ tenantId, ...offer, word }),
    row: async (taskId) =>
      first(
        await run<TaskRow>(
          database,
          sql`
      select state, attempt, counted, uncounted, fence, error from task where id = ${taskId}`,
        ),
      ),
    events: async (taskId) =>
      (
        await run<{ type: string }>(database, sql`select type from task_event where task_id = ${taskId} order by seq`)
      ).map(({ type }) => type.replace("task.", "")),
    inFlight: async (agentId) =>
      first(await run<{ n: number }>(database, sql`select in_flight as n from agent_slot where agent_id = ${agentId}`))
        .n,
    backdate: (taskId, ms) => backdate(database, taskId, ms),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await outputSchemas[Symbol.asyncDispose]();
      if (errors.length > 0) throw new AggregateError(errors, "the engine failed in the background");
    },
  };
}

async function addAgent(
  { database, tenantId, engine }: { database: Database; tenantId: TenantId; engine: TaskEngine },
  id: AgentId,
  { name, capabilities = [{ name: "work" }], maxConcurrency = 1, delivery = "push" }: AgentOptions & { name: string },
): Promise<AgentId> {
  const whole = JSON.stringify(capabilities.map((capability) => ({ level: 1, ...capability })));
  await database.transaction({ role: "devmesh_engine" }, async (tx) => {
    await tx.query(sql`select id from tenant where id = ${tenantId} for no key update`);
    await tx.query(sql`insert into agent (tenant_id, id, name, kind, capabilities, delivery)
      values (${tenantId}, ${id}, ${name}, 'worker', ${whole}::jsonb, ${delivery})`);
    const connectionId = delivery === "push" ? (randomUUID() as ConnectionId) : undefined;
    await tx.query(sql`insert into agent_slot (tenant_id, agent_id, max_concurrency, connection_id, present_until)
      values (${tenantId}, ${id}, ${maxConcurrency}, ${connectionId},
        case when ${delivery} = 'pull' then now() + interval '2 minutes' end)`);
    await tx.query(sql`
      insert into lane_agent (tenant_id, lane_id, agent_id, misfit, level_gap, cost_micro_usd)
      select l.tenant_id, l.id, a.id, misfit(l.requirements, a.id, a.name, a.capabilities),
        level_gap(l.requirements, a.capabilities), fit_cost(l.requirements, a.capabilities)
      from agent a join lane l on l.tenant_id = a.tenant_id where a.id = ${id}`);
  });
  engine.requestAssignment({ lanes: [], agents: [{ tenantId, agentId: id }] });
  return id;
}

/** Far longer than it takes, on a busy machine too. */
const offerMs = 30_000;

async function waitForOffer(
  { database, engine }: { database: Database; engine: TaskEngine },
  taskId: TaskId,
): Promise<Offer> {
  const until = performance.now() + offerMs;
  while (performance.now() < until) {
    const [offer] = await run<Offer>(
      database,
      sql`
      select t.id as "taskId", a.id as "assignmentId", a.agent_id as "agentId", a.fence
      from task t join assignment a on a.tenant_id = t.tenant_id and a.id = t.assignment_id
      where t.id = ${taskId} and a.is_open`,
    );
    if (offer !== undefined) return offer;
    await engine.sweep();
    await new Promise(setImmediate);
  }
  throw new Error(`task ${taskId} was not assigned`);
}

async function backdate(database: Database, taskId: TaskId, ms: number): Promise<void> {
  const back = sql`${ms} * interval '1 millisecond'`;
  await run(
    database,
    sql`update task set wake_at = wake_at - ${back}, deadline = deadline - ${back} where id = ${taskId}`,
  );
  await run(
    database,
    sql`
    update task set passed_over = (
      select json_agg(json_build_object('agentId', one->>'agentId', 'until', (one->>'until')::timestamptz - ${back}))
      from json_array_elements(passed_over) as one
    )
    where id = ${taskId} and passed_over is not null`,
  );
  await run(
    database,
    sql`
    update assignment set accept_until = accept_until - ${back}, lease_until = lease_until - ${back},
      attempt_until = attempt_until - ${back}, check_at = check_at - ${back}, asked_at = asked_at - ${back}
    where task_id = ${taskId} and is_open`,
  );
}

async function run<Row>(database: Database, statement: ReturnType<typeof sql>): Promise<readonly Row[]> {
  return (await database.transaction({ role: "devmesh_engine" }, (tx) => tx.query<Row>(statement))).rows;
}

function first<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error("no such row");
  return row;
}
