import type { EndHearing } from "@devmesh/adapters";
import type { AgentId, KnowledgeId, TaskId, TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Hearing, hearChanges } from "./hear-changes.ts";
import { createWatchedResources, type Subject } from "./watched-resources.ts";

const tenantId = "019ad9b5-6c00-7000-8000-000000000002" as TenantId;

/** Hints in the process: who hears is in `handlers`. */
function createFakeHints() {
  const handlers = new Map<string, (refs: never) => void>();
  const on =
    (name: string) =>
    async (handler: (refs: never) => void): Promise<EndHearing> => {
      handlers.set(name, handler);
      return async () => void handlers.delete(name);
    };
  return {
    handlers,
    hints: {
      onTaskChanges: on("task"),
      onMail: on("mail"),
      onEntriesChanged: on("entry"),
      onEventsReadable: on("events"),
    },
    tell: (name: string, refs: readonly object[]) => handlers.get(name)?.(refs as never),
  };
}

let fake: ReturnType<typeof createFakeHints>;
let watched: ReturnType<typeof createWatchedResources>;
let hearing: Hearing;
let heard: string[];

const watch = (kind: Subject["kind"], id: string): (() => void) =>
  watched.add({ tenantId, kind, id }, { uri: `${kind} ${id}`, tell: (uri) => void heard.push(uri) });

beforeEach(() => {
  vi.useFakeTimers();
  fake = createFakeHints();
  watched = createWatchedResources(10);
  heard = [];
  const logger = createLogger({ level: "silent", service: "test" });
  hearing = hearChanges({ watched, hints: fake.hints, agents: { find: async () => undefined }, logger });
});

afterEach(async () => {
  await hearing[Symbol.asyncDispose]();
  expect(fake.handlers.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("hearing of changes", () => {
  it("begins with the first who watches, once, and goes on while there is one", async () => {
    expect(fake.handlers.size).toBe(0);
    await Promise.all([hearing.begin(), hearing.begin()]);
    watch("task", "1");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(fake.handlers.size).toBe(4);
  });

  it("ends half a minute after the last has gone, and begins anew", async () => {
    await hearing.begin();
    watch("task", "1")();
    await vi.advanceTimersByTimeAsync(31_000);
    expect(fake.handlers.size).toBe(0);
    await hearing.begin();
    expect(fake.handlers.size).toBe(4);
  });

  it("tells of tasks, mail and entries by their own", async () => {
    await hearing.begin();
    for (const kind of ["task", "inbox", "entry"] as const) watch(kind, "1");
    fake.tell("task", [
      { tenantId, taskId: "1" as TaskId },
      { tenantId, taskId: "2" as TaskId },
    ]);
    fake.tell("mail", [{ tenantId, agentId: "1" as AgentId }]);
    fake.tell("entry", [{ tenantId, entryId: "1" as KnowledgeId }]);
    expect(heard).toEqual(["task 1", "inbox 1", "entry 1"]);
  });

  it("that could not begin is tried again by the next", async () => {
    const onMail = fake.hints.onMail;
    fake.hints.onMail = () => Promise.reject(new Error("away"));
    await expect(hearing.begin()).rejects.toThrow("away");
    expect(fake.handlers.size).toBe(0);
    fake.hints.onMail = onMail;
    await hearing.begin();
    expect(fake.handlers.size).toBe(4);
  });
});
