import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentId, type TaskId, topicHead } from "@devmesh/models";
import { createTestDatabase, givenServices } from "@devmesh/testing";
import { describe, expect, test } from "vitest";
import { givenTenant, newUuid, relayAll } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { openPglite } from "../database/drivers/pglite.ts";
import { openPostgres } from "../database/drivers/postgres.ts";
import { sql } from "../database/sql.ts";
import { migrate, migrationsDir } from "../migrate.ts";
import { eventRepository } from "./event-repository.ts";

const { databaseUrl } = givenServices();

async function openEmptyPostgres(stack: AsyncDisposableStack, folder: string): Promise<Database> {
  const empty = await createTestDatabase({
    url: databaseUrl ?? "",
    migrationsDir: folder,
    migrate: async () => undefined,
  });
  stack.use(empty);
  return stack.use(openPostgres({ url: empty.url }));
}

/** The migrations before events had their order from transactions. */
async function copyEarlier(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "devmesh-earlier-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const names = (await readdir(migrationsDir)).filter((name) => name < "0011");
  for (const name of names) await cp(join(migrationsDir, name), join(folder, name));
  return folder;
}

describe.skipIf(databaseUrl === undefined)("on postgres", () => describeUpgrade(openEmptyPostgres));
describe("on pglite", () => describeUpgrade(async (stack) => stack.use(await openPglite())));

function describeUpgrade(open: (stack: AsyncDisposableStack, folder: string) => Promise<Database>): void {
  test("events from before are told once: those that nobody had yet, and what the version before goes on to write", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await copyEarlier(stack);
    const database = await open(stack, folder);
    await migrate(database, folder);
    const tenantId = await givenTenant(database);
    const [agentId, topic] = [newUuid<AgentId>(), "task.>"];
    const writeTask = async (position: number | undefined): Promise<TaskId> => {
      const taskId = newUuid<TaskId>();
      await database.queryAs(
        { role: "devmesh_app", tenants: [tenantId] },
        sql`
          insert into task_event (tenant_id, task_id, seq, type, data, position)
          values (${tenantId}, ${taskId}, 1, 'task.queued', '{}', ${position}::bigint)`,
      );
      return taskId;
    };
    await database.query(sql`insert into event_cursor (tenant_id, position) values (${tenantId}, 2)`);
    await database.query(sql`insert into event_fan_out (tenant_id, position) values (${tenantId}, 1)`);
    // a trigger tells of it
    await database.queryAs(
      { role: "devmesh_app", tenants: [tenantId] },
      sql`
        insert into agent (tenant_id, id, name, kind, capabilities, metadata, delivery)
        values (${tenantId}, ${agentId}, 'a', 'worker', '[]', '{}', 'push')`,
    );
    await database.query(sql`
      insert into subscription (tenant_id, agent_id, topic, head)
      values (${tenantId}, ${agentId}, ${topic}, ${topicHead(topic)})`);
    const given = await writeTask(1);
    const numbered = await writeTask(2);
    const unnumbered = await writeTask(undefined);

    expect(await migrate(database)).toContain("0011_order_events_by_transaction.sql");
    const later = await writeTask(undefined);
    await database.queryAs(
      { role: "devmesh_app", tenants: [tenantId] },
      sql`update agent set admin = 'paused' where id = ${agentId}`,
    );
    expect(await relayAll(database)).toEqual([tenantId]);
    const events = await eventRepository(database).read(tenantId, { xid: 0, recorded: 0 }, 100);
    const subjects = events.map(({ event }) => event.subject);
    expect(subjects).toEqual([numbered, unnumbered, agentId, later, agentId]);
    expect(new Set(events.map(({ cursor }) => cursor.recorded)).size).toBe(5);

    // no slot, so no mail: what counts is how many were looked at
    expect(await eventRepository(database).fanOut(100)).toMatchObject({ events: 5 });
    expect(await eventRepository(database).fanOut(100)).toBeUndefined();
    expect(subjects).not.toContain(given);
  });
}
