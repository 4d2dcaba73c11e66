import type { MessageMove } from "@devmesh/adapters";
import type { OpenRedrive, OpenRedrives } from "@devmesh/repositories";
import { sleep } from "@devmesh/runtime";
import type { WorkerQueue } from "../queue/open-queue.ts";
import { type ScanDeps, scanDeadLetters } from "./scan-dead-letters.ts";

export interface MoveDeps extends ScanDeps {
  readonly moves: WorkerQueue["moves"];
  readonly redrives: OpenRedrives;
}

const pollMs = 500;
/** How far SQS's clock may be behind the database's. */
const maxSkewMs = 60_000;

/**
 * Has SQS move a whole dead-letter queue (StartMessageMoveTask), follows it, and cancels it when the job is stopped.
 * `unsupported`: SQS has no such thing here, or the job may not touch all of the queue; then nothing was done. Taken up
 * by another process it follows the move that is under way.
 */
export async function moveMessages(
  redrive: OpenRedrive,
  deps: MoveDeps,
  signal: AbortSignal,
): Promise<"ended" | "unsupported"> {
  if (!(await begin(redrive, deps))) return "unsupported";
  const { id } = redrive.job;
  let isCancelled = false;
  while (!signal.aborted) {
    const move = await deps.moves.latest();
    if (move === "none" || move === "unsupported") return fail(id, "the move is gone", deps, signal);
    const state = await deps.redrives.setMoved(id, move.moved);
    if (move.status !== "running" && move.status !== "cancelling") return end(id, move, deps, signal);
    if (state !== "running" && !isCancelled && move.handle !== undefined) {
      await deps.moves.cancel(move.handle);
      isCancelled = true;
    }
    await sleep(pollMs, signal);
  }
  return "ended";
}

async function begin(redrive: OpenRedrive, { moves, redrives, queueName }: MoveDeps): Promise<boolean> {
  const { id, method, ratePerSecond, createdAt } = redrive.job;
  const latest = await moves.latest();
  if (latest === "unsupported") return false;
  if (method === "native") {
    const isBegun =
      latest !== "none" &&
      (latest.status === "running" || latest.startedAt.getTime() >= Date.parse(createdAt) - maxSkewMs);
    if (isBegun) return true;
  } else if (!(await redrives.beginMove(redrive, queueName))) {
    return false;
  }
  if (await moves.start(ratePerSecond)) return true;
  await redrives.undoMove(id);
  return false;
}

async function end(id: string, move: MessageMove, deps: MoveDeps, signal: AbortSignal): Promise<"ended"> {
  if (move.status === "failed") return fail(id, move.failure ?? "SQS does not say why", deps, signal);
  if (move.status === "completed") {
    await deps.redrives.endMove(id, []);
    await deps.redrives.finish(id, "completed");
    return "ended";
  }
  await deps.redrives.endMove(id, [...(await scanDeadLetters(deps, signal)).left]);
  await deps.redrives.finish(id, "stopped");
  return "ended";
}

async function fail(id: string, error: string, deps: MoveDeps, signal: AbortSignal): Promise<"ended"> {
  await deps.redrives.endMove(id, [...(await scanDeadLetters(deps, signal)).left]);
  await deps.redrives.finish(id, "failed", error);
  return "ended";
}
