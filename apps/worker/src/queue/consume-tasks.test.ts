import type { ReceivedMessage } from "@devmesh/adapters";
import { AppError, type AssignmentScope, type LaneId } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { createTaskMessageHandler, parseTaskMessage, type TaskMessagesDeps } from "./consume-tasks.ts";

const tenantId = "019a0000-0000-7000-8000-000000000001";
const taskId = "019a0000-0000-7000-8000-000000000002";
const laneId = "019a0000-0000-7000-8000-000000000003" as LaneId;

function toMessage(body: string): ReceivedMessage {
  return { id: "1", body, receiptHandle: "handle", receiveCount: 1 };
}

function createHandler(findQueuedLanes: TaskMessagesDeps["findQueuedLanes"]) {
  const asked: AssignmentScope[] = [];
  const failures: unknown[] = [];
  const handle = createTaskMessageHandler({
    engine: { requestAssignment: (scope) => asked.push(scope) },
    findQueuedLanes,
    watch: { isUp: true, noteFailure: (error) => failures.push(error) },
  });
  return { handle, asked, failures };
}

describe("the handler of task messages", () => {
  it("asks for the lane of a queued task", async () => {
    const { handle, asked } = createHandler(async (refs) => refs.map((ref) => ({ ...ref, laneId })));
    expect(await handle(toMessage(JSON.stringify({ tenantId, taskId })))).toBe("done");
    expect(asked).toEqual([{ lanes: [{ tenantId, laneId }], agents: [] }]);
  });

  it("acknowledges a task that is no longer queued and asks for nothing", async () => {
    const { handle, asked } = createHandler(async () => []);
    expect(await handle(toMessage(JSON.stringify({ tenantId, taskId })))).toBe("done");
    expect(asked).toEqual([]);
  });

  it("notes that the database is away and leaves the message for later", async () => {
    const away = new AppError("unavailable", "the database is not available");
    const { handle, failures } = createHandler(() => Promise.reject(away));
    await expect(handle(toMessage(JSON.stringify({ tenantId, taskId })))).rejects.toBe(away);
    expect(failures).toEqual([away]);
  });

  it.each([
    ["no JSON", "the body is no JSON"],
    ["null", "the body is no JSON object"],
    ["[]", "tenantId is no uuid"],
    [JSON.stringify({ tenantId }), "taskId is no uuid"],
    [JSON.stringify({ tenantId: `${tenantId}'; --`, taskId }), "tenantId is no uuid"],
  ])("refuses the body %s for good", (body, problem) => {
    expect(() => parseTaskMessage(body)).toThrow(
      expect.objectContaining({ code: "invalid_argument", message: `malformed task message: ${problem}` }),
    );
  });
});
