import type { Principal } from "@devmesh/auth";
import type { TaskId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import type { TaskEngine } from "@devmesh/tasks";
import {
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Caller } from "../caller.ts";
import { principalNow, tasksExtension } from "../server/caller-of.ts";
import { toProtocolError } from "../server/protocol-error.ts";
import type { ServerPart } from "../server/server-part.ts";
import { type AnswerDeps, answerInputs } from "./answer-inputs.ts";
import { describeDetailed, type ReadTaskDeps, readTask } from "./read-task.ts";

/** What the methods of the extension stand on. */
export interface TasksPartDeps extends ReadTaskDeps, AnswerDeps {
  readonly engine: Pick<TaskEngine, "answer" | "cancel">;
  readonly logger: Logger;
}

const taskParams = z.looseObject({ taskId: z.string().min(1).max(128) });
const anyResult = z.looseObject({});

/**
 * `tasks/get`, `tasks/update` and `tasks/cancel` of the extension `io.modelcontextprotocol/tasks`: the tasks are those of
 * the ledger, so that every node answers for all of them.
 *
 * @see docs/decisions/027-mcp-tasks-are-the-ledgers.md
 */
export function tasksPart(deps: TasksPartDeps): ServerPart {
  return {
    capabilities: { extensions: { [tasksExtension]: {} } },
    register({ server }, caller) {
      const handle = async <T>(ctx: ServerContext, work: (principal: Principal) => Promise<T>): Promise<T> => {
        assertTakesTasks(caller);
        return work(principalNow(caller, ctx)).catch((caught: unknown) => {
          throw toProtocolError(caught, deps);
        });
      };
      const methods = { params: taskParams, result: anyResult };
      server.setRequestHandler("tasks/get", methods, ({ taskId }, ctx) =>
        handle(ctx, async (principal) => {
          const task = await readTask(deps, principal, taskId, "tasks:read");
          return { ...(await describeDetailed(deps, principal.tenantId, task)) };
        }),
      );
      server.setRequestHandler("tasks/update", methods, ({ taskId }, ctx) =>
        handle(ctx, async (principal) => {
          const task = await readTask(deps, principal, taskId, "tasks:write");
          await answerInputs(deps, principal, task, readResponses(ctx));
          return {};
        }),
      );
      server.setRequestHandler("tasks/cancel", methods, ({ taskId }, ctx) =>
        handle(ctx, async (principal) => {
          const { id } = await readTask(deps, principal, taskId, "tasks:write");
          await cancel(deps, principal, id);
          return {};
        }),
      );
    },
  };
}

/** The SDK lifts the member out of the params, and what is no response out of it: that stays, to be refused. */
function readResponses({ mcpReq }: ServerContext): Readonly<Record<string, unknown>> {
  const { inputResponses, droppedInputResponseKeys = [] } = mcpReq;
  if (inputResponses !== undefined) {
    return { ...inputResponses, ...Object.fromEntries(droppedInputResponseKeys.map((key) => [key, null])) };
  }
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, "inputResponses: is required");
}

/** @throws MissingRequiredClientCapabilityError (-32021) for a client that has not declared the extension. */
export function assertTakesTasks({ client }: Pick<Caller, "client">): void {
  if (client.takesTasks) return;
  throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [tasksExtension]: {} } } });
}

/** A final task stays as it is, and that is no error. */
async function cancel(
  { engine, nudgeOutbox }: Pick<TasksPartDeps, "engine" | "nudgeOutbox">,
  { tenantId }: Principal,
  taskId: TaskId,
): Promise<void> {
  const outcome = await engine.cancel({ tenantId, taskId }, "cancelled by an MCP client");
  if (outcome.kind === "refused") throw outcome.error;
  nudgeOutbox();
}
