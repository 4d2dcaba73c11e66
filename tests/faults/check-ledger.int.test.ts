import type { TaskId } from "@devmesh/models";
import { type Database, migrate, openPostgres, type Sql, sql } from "@devmesh/repositories";
import { startServices } from "@devmesh/testing";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Mesh, openMesh } from "../kit/mesh.ts";
import { checkLedger, isSettled } from "./check-ledger.ts";
import { findPulled } from "./find-pulled.ts";
import type { Observation } from "./load/observation.ts";
import { watchLedger } from "./watch-ledger.ts";

// A check that finds nothing must be able to find something: each test breaks a sound ledger in one way.

const requirements = { capabilities: ["work"] };
const stack = new AsyncDisposableStack();
let database: Database;
let mesh: Mesh;
let accepted: TaskId[];

beforeAll(async () => {
  // the check looks at whole databases: it needs one to itself
  const services = stack.use(await startServices({ fsync: false }));
  database = stack.use(openPostgres({ url: services.databaseUrl }));
  await migrate(database);
  await watchLedger(database);
});
afterAll(() => stack.disposeAsync());

beforeEach(async () => {
  await database.query(sql`truncate task, task_body, assignment, task_result, task_event, agent cascade`);
  await database.query(sql`truncate fault.violation`);
  await using opened = await openMesh(database);
  mesh = opened;
  await mesh.addAgent("agent-0");
  accepted = [];
  for (let number = 0; number < 2; number++) {
    const id = await mesh.submit({ type: "echo", input: { name: "load", number }, requirements });
    accepted.push(id);
    const offer = await mesh.offerOf(id);
    await mesh.say(offer, { kind: "accept" });
    const output = JSON.stringify({ number, assignmentId: offer.assignmentId, fence: offer.fence });
    await mesh.say(offer, { kind: "complete", output, artifacts: undefined, usage: undefined });
  }
});

async function check(observations: readonly Observation[] = []): Promise<readonly string[]> {
  const loads = [
    { accepted: new Set(accepted), cancelled: new Set<TaskId>(), problems: [], finish: () => Promise.resolve() },
  ];
  return (await checkLedger(database, { loads, observations })).map(({ what }) => what);
}

test("finds nothing in a sound ledger", async () => {
  expect(await check()).toEqual([]);
  // no relay has read the events
  expect(await isSettled(database)).toBe(false);
});

test.each<[string, () => Sql]>([
  ["a task that got its 201 is lost", () => sql`delete from task where id = ${accepted[0] ?? ""}`],
  [
    "a task that nobody was told of",
    () => sql`
      insert into task
      select (jsonb_populate_record(t, '{"id": "018f0000-0000-7000-8000-000000000001"}')).* from task t limit 1`,
  ],
  ["a submit took effect twice", () => sql`update task_body set input = '{"name": "load", "number": 0}'`],
  ["a task that is not final", () => sql`update task set state = 'running', finished_at = null`],
  ["a task that ended otherwise than it should", () => sql`update task set state = 'failed'`],
  ["completed without a result, or a result without being completed", () => sql`delete from task_result`],
  ["a result that is not of the winning try", () => sql`update task_result set output = '{"fence": 7}'`],
  ["a result that is not of the winning try", () => sql`update task set fence = fence + 1`],
  ["fences are not 1, 2, 3 and so on", () => sql`update task set fence = fence + 1`],
  ["a try that is open, or a slot that is taken", () => sql`update agent_slot set in_flight = 1`],
  ["a try that was claimed under no key, or under two", () => sql`update agent set delivery = 'pull'`],
  ["seen at a commit", () => sql`update agent_slot set in_flight = 1`],
  ["seen at a commit", () => sql`update assignment set state = 'failed'`],
  ["seen at a commit", () => sql`update assignment set is_open = true`],
  [
    "seen at a commit",
    () => sql`update task_result r set assignment_id = a.id from assignment a
    where a.task_id <> r.task_id`,
  ],
  ["more than one task.completed", () => sql`update task_event set type = 'task.completed'`],
  ["numbers of events with gaps", () => sql`delete from task_event where seq = 2`],
  ["an event after the task's end", () => sql`update task_event set type = 'task.failed' where seq = 2`],
  ["an event of a try after its end", () => sql`update task_event set type = 'task.lease_expired' where seq = 3`],
  ["an event under an older fence", () => sql`update task_event set data = '{"fence": 9}' where seq = 3`],
])("finds %s", async (what, breakIt) => {
  await database.query(breakIt());
  expect(await check()).toContain(what);
});

test("finds a result that an agent was told of, and that is another's", async () => {
  const taskId = accepted[0] ?? "";
  const told: Observation = { what: "recorded", agent: "agent-0", taskId, taskState: "completed" };
  expect(await check([told])).toEqual(["an agent was told of a result that is not recorded"]);
});

test("counts as pulled what an agent that claims was told to be recorded, and nothing else", async () => {
  const taskId = accepted[0] ?? "";
  const seen = { agent: "agent-0", taskId } as const;
  const told: Observation = { what: "recorded", ...seen, taskState: "completed" };
  const pulled = (load: string, observations: readonly Observation[]): Promise<readonly string[]> =>
    findPulled(database, { load, observations });
  // it is pushed to
  expect(await pulled("load", [told])).toEqual([]);
  await database.query(sql`update agent set delivery = 'pull'`);
  expect(await pulled("load", [told])).toEqual([taskId]);
  expect(await pulled("another", [told])).toEqual([]);
  expect(
    await pulled("load", [
      { ...told, agent: "agent-1" },
      { what: "fenced_out", ...seen },
    ]),
  ).toEqual([]);
});

test("finds an agent that stopped for good", async () => {
  expect(await check([{ what: "gave_up", error: "replaced" }])).toEqual(["an agent stopped for good"]);
});
