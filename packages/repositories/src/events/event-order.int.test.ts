import type { EventCursor, TaskId, TenantId } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnPostgres, givenTenant, newUuid, type OpenDatabase, relayAll } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { eventRepository } from "./event-repository.ts";
import { outboxRepository } from "./outbox-repository.ts";

describeOnPostgres(describeOrder);

function describeOrder(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
  });
  afterAll(() => stack.disposeAsync());

  /** Writes two events of a task, stays open between them and after them, and commits when it is told to. */
  function beginWriting(): { readonly taskId: TaskId; readonly wrote: Promise<void>; commit(): Promise<unknown> } {
    const taskId = newUuid<TaskId>();
    const wrote = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const done = database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
      const write = (seq: number): Promise<unknown> =>
        tx.query(sql`
          insert into task_event (tenant_id, task_id, seq, type, data)
          values (${tenantId}, ${taskId}, ${seq}, 'task.created', '{}')`);
      await write(1);
      wrote.resolve();
      await gate.promise;
      await write(2);
    });
    return {
      taskId,
      wrote: wrote.promise,
      commit: () => {
        gate.resolve();
        return done;
      },
    };
  }

  test("an event that is committed late is never behind a reader that has read on", async () => {
    const outbox = outboxRepository(database);
    const { read } = eventRepository(database);
    const seen: string[] = [];
    let cursor: EventCursor = { xid: 0, recorded: 0 };
    const readOn = async (): Promise<void> => {
      for (const { cursor: at, event } of await read(tenantId, cursor, 100)) {
        seen.push(event.subject);
        cursor = at;
      }
    };
    await relayAll(database);

    const before = beginWriting();
    await before.wrote;
    await before.commit();
    await waitFor(async () => (await outbox.relay(100)).events === 2, { what: "the first transaction's events" });
    await readOn();
    expect(seen).toEqual([before.taskId, before.taskId]);

    const early = beginWriting();
    await early.wrote;
    const late = beginWriting();
    await late.wrote;
    await late.commit();
    // the later one is committed, and may not be read: the earlier one is still to come before it
    await readOn();
    expect(seen).toHaveLength(2);
    expect(await outbox.hasEvents()).toBe(true);
    expect(await outbox.relay(100)).toMatchObject({ events: 0, more: false, isWaiting: true });
    const since = await database.query<EventCursor>(sql`
      select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid, 0 as recorded`);

    await early.commit();
    await waitFor(async () => !(await outbox.relay(100)).isWaiting, { what: "what was held back" });
    await readOn();
    expect(seen.slice(2)).toEqual([early.taskId, early.taskId, late.taskId, late.taskId]);
    expect(await outbox.hasEvents()).toBe(false);
    // who began to follow while both were open gets what was committed since
    const followed = await read(tenantId, since.rows[0] ?? cursor, 100);
    expect(followed.map(({ event }) => event.subject)).toContain(early.taskId);
  });

  test("a reader that never stops sees every event once, in order, whatever is committed when", async () => {
    const { read } = eventRepository(database);
    let cursor: EventCursor = { xid: 0, recorded: 0 };
    await relayAll(database);
    for (const { cursor: at } of await read(tenantId, cursor, 1_000)) cursor = at;
    const seen: EventCursor[] = [];
    const subjects: string[] = [];
    let isWriting = true;
    const reading = waitFor(
      async () => {
        const isLast = !isWriting;
        const events = await read(tenantId, cursor, 5);
        for (const event of events) {
          cursor = event.cursor;
          seen.push(cursor);
          subjects.push(event.event.subject);
        }
        return isLast && subjects.length >= 120;
      },
      { what: "all events" },
    );
    const tasks: TaskId[] = [];
    const writeSome = async (): Promise<void> => {
      for (let round = 0; round < 10; round++) {
        const [first, second] = [beginWriting(), beginWriting()];
        tasks.push(first.taskId, second.taskId);
        await Promise.all([first.wrote, second.wrote]);
        await second.commit();
        await first.commit();
      }
    };
    await Promise.all([writeSome(), writeSome(), writeSome()]);
    isWriting = false;
    await reading;
    expect(subjects.toSorted()).toEqual([...tasks, ...tasks].toSorted());
    expect(new Set(seen.map(({ recorded }) => recorded)).size).toBe(120);
  });
}
