import { type Task, type TaskId, type TaskState, taskStates } from "@devmesh/models";
import { ProtocolError } from "@modelcontextprotocol/server";
import { describe, expect, test } from "vitest";
import { toInputRequests } from "./input-requests.ts";
import { readJsonRpcFailure, writeJsonRpcFailure } from "./json-rpc-failure.ts";
import { toDetailed, toStatus } from "./mcp-task.ts";
import { writeRunQuestion } from "./run-question.ts";

const taskOf = (more: Partial<Task>): Task => ({
  id: "01980000-0000-7000-8000-000000000001" as TaskId,
  type: "work",
  state: "queued",
  requirements: { capabilities: ["work"], minLevel: 1, tags: {} },
  strategy: "capability_match",
  priority: 5,
  maxAttempts: 3,
  timeoutMs: 600_000,
  dependsOn: [],
  labels: [],
  attempt: 0,
  createdAt: "2026-11-21T20:00:00.000Z",
  updatedAt: "2026-11-21T20:00:01.000Z",
  ...more,
});
const awaited = { content: [{ type: "text" as const, text: "awaited" }] };
const shown = (task: Task) => toDetailed(task, { inputRequests: {}, toAwaited: () => awaited });

describe("a task of the mesh as one of MCP", () => {
  test("has a status in every state, and one that failed is a call that was answered", () => {
    const statuses = taskStates.map((state) => [state, toStatus({ type: "work", state })]);
    expect(Object.fromEntries(statuses)).toEqual({
      blocked: "working",
      scheduled: "working",
      queued: "working",
      assigned: "working",
      running: "working",
      waiting: "input_required",
      completed: "completed",
      failed: "completed",
      cancelled: "cancelled",
    });
  });

  test("shows what task_await answers once it is over, and nothing of it before", () => {
    expect(shown(taskOf({ state: "running", progress: { note: "half", at: "" } }))).toEqual({
      taskId: "01980000-0000-7000-8000-000000000001",
      status: "working",
      statusMessage: "half",
      createdAt: "2026-11-21T20:00:00.000Z",
      lastUpdatedAt: "2026-11-21T20:00:01.000Z",
      ttlMs: null,
      pollIntervalMs: 1_000,
    });
    const over: readonly TaskState[] = ["completed", "failed"];
    for (const state of over) expect(shown(taskOf({ state }))).toMatchObject({ status: "completed", result: awaited });
    expect(shown(taskOf({ state: "cancelled" }))).not.toHaveProperty("result");
  });
});

describe("a call that runs as a task", () => {
  const run = (more: Partial<Task>): Task => taskOf({ type: "mcp.tool", ...more });

  test("shows the result of its tool, an error of the tool too", () => {
    const output = { content: [], isError: true };
    expect(shown(run({ state: "completed", output }))).toMatchObject({
      status: "completed",
      result: { ...output, resultType: "complete" },
    });
  });

  test("failed by an error of the protocol, which comes back as it was thrown", () => {
    const thrown = new ProtocolError(-32_602, "no such\nthing");
    const error = { class: "permanent", message: writeJsonRpcFailure(thrown) };
    expect(shown(run({ state: "failed", error }))).toMatchObject({
      status: "failed",
      statusMessage: "no such\nthing",
      error: { code: -32_602, message: "no such\nthing" },
    });
  });

  test("that the mesh ended is an internal error that says why, and what was thrown otherwise tells nothing", () => {
    const error = { class: "retryable", message: "the lease ran out" };
    expect(shown(run({ state: "failed", error }))).toMatchObject({
      error: { code: -32_603, message: "the lease ran out" },
    });
    expect(readJsonRpcFailure(writeJsonRpcFailure(new Error("a secret")))).toEqual({
      code: -32_603,
      message: "the tool failed",
    });
  });

  test("asks for what is not answered yet, under keys that no other question has", () => {
    const form = (message: string) => ({
      message,
      requestedSchema: { type: "object" as const, properties: { name: { type: "string" as const } } },
    });
    const written = writeRunQuestion({ a: form("A?"), b: form("B?") });
    const question = { id: "q1", ...written, askedAt: "", timeoutAt: "", onTimeout: "fail" as const };
    const task = run({ state: "waiting", question });
    expect(Object.keys(toInputRequests(task, new Set()))).toEqual(["q1:a", "q1:b"]);
    expect(toInputRequests(task, new Set(["a"]))).toEqual({
      "q1:b": { method: "elicitation/create", params: { mode: "form", ...form("B?") } },
    });
  });
});
