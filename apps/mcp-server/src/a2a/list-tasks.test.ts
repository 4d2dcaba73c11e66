import { ListTasksRequest } from "@a2a-js/sdk";
import type { Task, TaskId, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { reviewer, reviewTask } from "../../test/_a2a.ts";
import type { A2aReads } from "./a2a-deps.ts";
import { listTasks } from "./list-tasks.ts";

const owner = { tenantId: "t" as TenantId, agent: reviewer };
const taskAt = (second: number, changes: Partial<Task> = {}): Task =>
  reviewTask({
    id: `0199a1b2-0000-7000-8000-0000000000a${second}` as TaskId,
    createdAt: `2026-01-01T00:00:0${second}.000Z`,
    ...changes,
  });

function readsOf(tasks: readonly Task[]): { readonly asked: Parameters<A2aReads["list"]>[]; list: A2aReads["list"] } {
  const asked: Parameters<A2aReads["list"]>[] = [];
  return {
    asked,
    list: async (...given) => {
      asked.push(given);
      const { after, limit } = given[2];
      return tasks.filter(({ createdAt }) => after === undefined || createdAt < after.at).slice(0, limit);
    },
  };
}

const ask = (request: object): ListTasksRequest => ListTasksRequest.fromJSON(request);

test("pages follow one another by their token, and only tasks of this agent's door are asked for", async () => {
  const reads = readsOf([taskAt(3), taskAt(2), taskAt(1)]);
  const first = await listTasks(reads, owner, ask({ pageSize: 2 }));
  expect(first.tasks.map(({ id }) => id.at(-1))).toEqual(["3", "2"]);
  const second = await listTasks(reads, owner, ask({ pageSize: 2, pageToken: first.nextPageToken }));
  expect(second.tasks.map(({ id }) => id.at(-1))).toEqual(["1"]);
  expect(second.nextPageToken).toBe("");
  expect(reads.asked.map(([, filter]) => filter)).toEqual([
    { label: `a2a:${reviewer.id}` },
    { label: `a2a:${reviewer.id}` },
  ]);
});

test("state, context and time leave tasks out", async () => {
  const other = { labels: ["a2a-context:c-2"], updatedAt: "2026-01-02T00:00:00.000Z", state: "completed" } as const;
  const reads = readsOf([taskAt(2, other), taskAt(1)]);
  const ids = async (request: object): Promise<readonly unknown[]> =>
    (await listTasks(reads, owner, ask(request))).tasks.map(({ id }) => id.at(-1));
  expect(await ids({ status: "TASK_STATE_COMPLETED" })).toEqual(["2"]);
  expect(await ids({ contextId: "c-1" })).toEqual(["1"]);
  expect(await ids({ statusTimestampAfter: "2026-01-01T12:00:00Z" })).toEqual(["2"]);
});

test.each([
  [{ pageSize: 101 }, "pageSize: 101 lies outside 1 to 100"],
  [{ pageToken: "nonsense" }, "pageToken: is not one that this server gave out"],
])("%j is refused", async (request, message) => {
  await expect(listTasks(readsOf([]), owner, ask(request))).rejects.toThrow(message);
});
