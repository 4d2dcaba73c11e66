import type { TaskEvent, TaskId, TaskState, TenantId } from "@devmesh/models";
import { type TaskWatch, toBody } from "@devmesh/runtime";
import { describe, expect, test } from "vitest";
import { writeEvents } from "./event-stream.ts";
import type { TaskReads } from "./task-reads.ts";

const ids = { tenantId: "t" as TenantId, taskId: "a" as TaskId };
const silent: TaskWatch = {
  standing: undefined,
  changed: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  [Symbol.dispose]: () => undefined,
};

function history(
  events: readonly TaskEvent[],
  state: () => TaskState,
): Pick<TaskReads, "events" | "states"> & { read: number } {
  const fake = {
    read: 0,
    events: async (_tenant: TenantId, _task: TaskId, after: number, limit: number) => {
      const page = events.filter(({ seq }) => seq > after).slice(0, limit);
      fake.read += page.length;
      return page;
    },
    states: async () => new Map([[ids.taskId, { state: state(), eventSeq: events.at(-1)?.seq ?? 0 }]]),
  };
  return fake;
}

const many = (count: number): TaskEvent[] =>
  Array.from({ length: count }, (_, index) => ({
    seq: index + 1,
    type: index + 1 === count ? "task.completed" : "task.progress",
    at: "2026-01-01T00:00:00.000Z",
    data: {},
  }));

const options = { ...ids, watch: silent, afterSeq: 0, keepAliveMs: 20 };

describe("the event stream", () => {
  test("reads no further than its client", async () => {
    const reads = history(many(1_000), () => "completed");
    const signal = new AbortController().signal;
    const body = toBody(writeEvents({ ...options, reads, signal }), () => undefined);
    const reader = body.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reads.read).toBe(100);
    let chunks = 1;
    while (!(await reader.read()).done) chunks += 1;
    expect(chunks).toBe(1_000);
    expect(reads.read).toBe(1_000);
  });

  test("goes past a final event of a task that was redriven", async () => {
    const events = many(3).map((event, index): TaskEvent => (index === 1 ? { ...event, type: "task.failed" } : event));
    const reads = history(events, () => "completed");
    const sent: string[] = [];
    for await (const text of writeEvents({ ...options, reads, signal: new AbortController().signal })) sent.push(text);
    expect(sent).toHaveLength(3);
  });

  test("sends comments while nothing happens, and ends with its client", async () => {
    const aborting = new AbortController();
    const reads = history(many(1).slice(0, 0), () => "queued");
    const source = writeEvents({ ...options, reads, signal: aborting.signal });
    expect((await source.next()).value).toBe(": keep-alive\n\n");
    aborting.abort();
    expect((await source.next()).done).toBe(true);
  });

  test("a failing read ends the body, and says so once", async () => {
    const reads = { ...history([], () => "queued"), events: () => Promise.reject(new Error("down")) };
    const ends: unknown[] = [];
    const source = writeEvents({ ...options, reads, signal: new AbortController().signal });
    const reader = toBody(source, (error) => ends.push(error)).getReader();
    expect((await reader.read()).done).toBe(true);
    expect(ends).toEqual([new Error("down")]);
  });
});
