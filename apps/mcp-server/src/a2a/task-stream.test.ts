import { StreamResponse } from "@a2a-js/sdk";
import type { Task, TaskEvent, TaskEventType, TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import { reviewTask } from "../../test/_a2a.ts";
import { streamTask } from "./task-stream.ts";

const never = new AbortController().signal;

/** All that is streamed of a task that was `running` and then went through these events, and ended as `last`. */
async function stream(types: readonly TaskEventType[], last: Task): Promise<readonly unknown[]> {
  const events = types.map(
    (type, index): TaskEvent => ({ seq: index + 3, type, at: "2026-01-01T00:00:03.000Z", data: { note: `${index}` } }),
  );
  const steps = streamTask({
    reads: {
      get: async () => [last],
      list: async () => [],
      events: async (_tenant, _task, after) => events.filter(({ seq }) => seq > after),
      states: async () => new Map([[last.id, { state: last.state, eventSeq: events.at(-1)?.seq ?? 2 }]]),
    },
    watch: { standing: undefined, changed: async () => undefined, [Symbol.dispose]: () => undefined },
    tenantId: "t" as TenantId,
    task: reviewTask(),
    afterSeq: 2,
    signal: never,
  });
  const streamed: unknown[] = [];
  for await (const step of steps) streamed.push(StreamResponse.toJSON(step));
  return streamed;
}

test("a task is streamed as it stands, with its reports, its artifact and its end", async () => {
  const streamed = await stream(
    ["task.progress", "task.completed"],
    reviewTask({ state: "completed", output: "fine" }),
  );
  expect(streamed).toMatchObject([
    { task: { status: { state: "TASK_STATE_WORKING" } } },
    {
      statusUpdate: { contextId: "c-1", status: { state: "TASK_STATE_WORKING", message: { parts: [{ text: "0" }] } } },
    },
    { artifactUpdate: { artifact: { parts: [{ text: "fine" }] }, lastChunk: true } },
    { statusUpdate: { status: { state: "TASK_STATE_COMPLETED" } } },
  ]);
});

test("a question ends the stream: the answer is another message", async () => {
  const streamed = await stream(["task.waiting"], reviewTask({ state: "waiting" }));
  expect(streamed).toMatchObject([{ task: {} }, { statusUpdate: { status: { state: "TASK_STATE_INPUT_REQUIRED" } } }]);
});

test("a question that was answered meanwhile does not end it", async () => {
  const streamed = await stream(
    ["task.waiting", "task.answered", "task.completed"],
    reviewTask({ state: "completed", output: 1 }),
  );
  expect(streamed.at(0)).toHaveProperty("task");
  expect(streamed.at(-1)).toMatchObject({ statusUpdate: { status: { state: "TASK_STATE_COMPLETED" } } });
});

test("a lost lease shows as submitted again", async () => {
  const streamed = await stream(
    ["task.lease_expired", "task.queued", "task.cancelled"],
    reviewTask({ state: "cancelled" }),
  );
  expect(streamed.slice(1)).toMatchObject([
    { statusUpdate: { status: { state: "TASK_STATE_SUBMITTED" } } },
    { statusUpdate: { status: { state: "TASK_STATE_CANCELED" } } },
  ]);
});
