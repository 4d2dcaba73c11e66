import type { TaskId } from "@devmesh/models";
import { openPostgres, sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import type { Fleet } from "./fleet.ts";

/** A load of tasks, each known by its input from before its submit, so that a lost answer is repeated with its key. */
export interface Load {
  /** Every task that got its 201. */
  readonly accepted: ReadonlyMap<TaskId, number>;
  stop(): Promise<void>;
}

/** Submits `count` echo tasks, `perSecond` of them, over HTTP; one that gets no answer is repeated until it has one. */
export function startLoad(
  fleet: Fleet,
  { count, perSecond }: { count: number; perSecond: number },
): Load & { readonly done: Promise<void> } {
  const accepted = new Map<TaskId, number>();
  const stop = new AbortController();
  const begunAt = performance.now();
  const submitAll = async (): Promise<void> => {
    const pending: Promise<void>[] = [];
    for (let number = 0; number < count && !stop.signal.aborted; number++) {
      const dueInMs = begunAt + (number * 1_000) / perSecond - performance.now();
      if (dueInMs > 1) await new Promise((resolve) => setTimeout(resolve, dueInMs));
      pending.push(submitUntilAccepted(fleet, number, stop.signal).then((id) => void accepted.set(id, number)));
    }
    await Promise.all(pending);
  };
  const done = submitAll();
  return {
    accepted,
    done,
    stop: async () => {
      stop.abort();
      await done.catch(() => undefined);
    },
  };
}

async function submitUntilAccepted(fleet: Fleet, number: number, signal: AbortSignal): Promise<TaskId> {
  return await waitFor(
    async () => {
      signal.throwIfAborted();
      const response = await fetch(`${fleet.rest.url}/api/v1/tasks`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${fleet.apiKey}`,
          "content-type": "application/json",
          "idempotency-key": `load-${number}`,
        },
        body: JSON.stringify({ type: "echo", input: { number }, maxAttempts: 20 }),
        signal: AbortSignal.timeout(10_000),
      });
      const body = (await response.json()) as { data?: { id: TaskId } };
      return response.status === 201 ? body.data?.id : undefined;
    },
    { timeoutMs: 60_000, what: `a 201 for task ${number}` },
  );
}

/** What the ledger says of a load. */
export interface Audit {
  readonly final: number;
  readonly completed: number;
  readonly results: number;
  /** Results that are not the echo of their task's input. */
  readonly wrong: number;
  /** Tasks with more than one `task.completed` in their history. */
  readonly completedTwice: number;
  readonly tasks: number;
  /** Slots that are still taken. */
  readonly inFlight: number;
}

/** Waits until every task has ended, then counts them all. */
export async function auditLoad(fleet: Fleet, timeoutMs: number): Promise<Audit> {
  await using database = openPostgres({ url: fleet.services.databaseUrl });
  const look = async (): Promise<Audit> => {
    const { rows } = await database.query<Audit>(sql`
      select (select count(*)::int from task) as tasks,
        (select count(*)::int from task where finished_at is not null) as final,
        (select count(*)::int from task where state = 'completed') as completed,
        (select count(*)::int from task_result) as results,
        (select count(*)::int from task_result r join task_body b using (tenant_id, task_id)
          where r.output::jsonb is distinct from b.input::jsonb) as wrong,
        (select count(*)::int from (select from task_event where type = 'task.completed'
          group by task_id having count(*) > 1) twice) as "completedTwice",
        (select coalesce(sum(in_flight), 0)::int from agent_slot) as "inFlight"`);
    const [audit] = rows;
    if (audit === undefined) throw new Error("no answer");
    return audit;
  };
  const hasEnded = async (): Promise<boolean> => {
    const { tasks, final, inFlight } = await look();
    return tasks === final && inFlight === 0;
  };
  await waitFor(hasEnded, { timeoutMs, what: "the end of all tasks" }).catch(() => undefined);
  return await look();
}
