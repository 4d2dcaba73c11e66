import {
  type AgentId,
  type AgentRegistration,
  AppError,
  type AssignmentId,
  type ClaimedTask,
  type ConnectionId,
  type NodeId,
} from "@devmesh/models";
import { agentRepository, pullRepository } from "@devmesh/repositories";
import type { AgentWord, Outcome } from "@devmesh/tasks";
import { type Asked, type Move, times, type Word } from "./model-state.ts";
import { nameOf, type Parts, readTriesOf, type TryRow } from "./read-ledger.ts";

const spoken: Readonly<Record<Word, AgentWord>> = {
  accept: { kind: "accept" },
  progress: { kind: "progress" },
  complete: { kind: "complete", output: "1", artifacts: undefined, usage: undefined },
  fail: { kind: "fail", class: "retryable", message: "no", retryAfterMs: times.retryMs, usage: undefined },
  give_up: { kind: "fail", class: "permanent", message: "never", usage: undefined },
  reject: { kind: "reject", reason: "not mine" },
};

/** As {@link Mesh.addAgent} gives them. */
const capabilities = [{ name: "work", level: 1 }];
const presenceMs = 120_000;

/** What each deed is answered, in the model's words; all of them change nothing, or it is one. */
export async function answerAll(parts: Parts, deeds: readonly Asked[]): Promise<readonly string[]> {
  const tries = await readTriesOf(parts);
  return Promise.all(deeds.map((deed) => answerOne(parts, tries, deed)));
}

async function answerOne(parts: Parts, tries: readonly TryRow[], deed: Asked): Promise<string> {
  switch (deed.kind) {
    case "word": {
      const { taskId, agentId, id: assignmentId, fence } = tries[deed.try] as TryRow;
      const offer = { taskId, agentId, assignmentId, fence: fence + deed.fenceOff };
      return describe(await parts.mesh.say(offer, spoken[deed.word]));
    }
    case "claim":
      return describeClaimed(tries, claim(parts, deed.agent, tries.length));
    case "reclaim":
      return describeClaimed(tries, claim(parts, (tries[deed.try] as TryRow).agent, deed.try));
    default:
      return move(parts, deed.kind, deed.agent);
  }
}

/** Claims one task. The key is that of the try that it makes, so that the same claim can be made once more. */
export function claim({ mesh, agents }: Parts, agent: number, number: number): Promise<readonly ClaimedTask[]> {
  const asked = { max: 1, leaseMs: times.leaseMs, idempotencyKey: `try-${number}` };
  return mesh.claim(agents[agent] as AgentId, asked);
}

async function describeClaimed(tries: readonly TryRow[], claiming: Promise<readonly ClaimedTask[]>): Promise<string> {
  try {
    const claimed = await claiming;
    if (claimed.length === 0) return "nothing";
    return claimed.map(({ assignmentId, state }) => `${numberOf(tries, assignmentId)} ${state}`).join();
  } catch (error) {
    return toReason(error);
  }
}

async function move(parts: Parts, kind: Move, agent: number): Promise<string> {
  const { database, mesh, agents } = parts;
  const { tenantId, newId } = mesh;
  const agentId = agents[agent] as AgentId;
  const registry = agentRepository(database);
  switch (kind) {
    case "connect": {
      const connection = { connectionId: newId() as ConnectionId, nodeId: newId() as NodeId };
      return (await registry.attach(tenantId, nameOf(agent), connection, undefined)) === undefined ? "not_found" : kind;
    }
    case "register": {
      const registration: AgentRegistration = { name: nameOf(agent), kind: "worker", capabilities, maxConcurrency: 1 };
      const as = { delivery: "pull", presenceMs } as const;
      return registry.register(tenantId, newId() as AgentId, registration, as).then(() => kind, toReason);
    }
    case "deregister":
      return (await registry.deregister(tenantId, agentId)) === undefined ? "not_found" : kind;
    case "heartbeat": {
      const alive = await pullRepository(database).heartbeat({ tenantId, agentId }, { presenceMs });
      if (alive === undefined) return "not_pull";
      const tries = await readTriesOf(parts);
      return `holds ${alive.holding.map(({ assignmentId }) => numberOf(tries, assignmentId)).join(" ")}`;
    }
  }
}

function toReason(error: unknown): string {
  if (error instanceof AppError) return error.reason ?? error.code;
  throw error;
}

function numberOf(tries: readonly TryRow[], id: AssignmentId): number {
  return tries.findIndex((one) => one.id === id);
}

function describe(outcome: Outcome): string {
  if (outcome.kind === "refused") return outcome.error.reason ?? outcome.error.code;
  if (outcome.kind !== "recorded") return outcome.kind;
  return `${outcome.duplicate ? "duplicate" : "recorded"} ${outcome.taskState}`;
}
