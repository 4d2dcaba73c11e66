import { setTimeout as delay } from "node:timers/promises";
import type { TaskId } from "@devmesh/models";
import type { Rig } from "../rig.ts";
import { type WorkKind, workKinds } from "./observation.ts";

/** What is asked of the mesh while it is disturbed. */
export interface WorkLoad {
  /** Every task that got its 201. */
  readonly accepted: ReadonlySet<TaskId>;
  /** Those that somebody wanted cancelled. */
  readonly cancelled: ReadonlySet<TaskId>;
  /** Answers that no fault explains. */
  readonly problems: readonly string[];
  /** Submits nothing more; resolves when every task has its 201. Rejects if one never gets it. */
  finish(): Promise<void>;
}

/** How much, and of what. */
export interface WorkLoadOptions {
  readonly random: () => number;
  readonly perSecond: number;
  /** Unique among the loads of a rig. */
  readonly name: string;
}

/** Of a hundred tasks: which kind each is. The rest is `echo`. */
const shares: Readonly<Partial<Record<WorkKind, number>>> = { flaky: 8, doomed: 4, picky: 8, deaf: 5 };
/** Of all tasks: those that only agents that pull may have. The rest is pushed, or claimed where nobody has a free slot. */
const pullShare = 0.15;
const longShare = 0.06;
const cancelShare = 0.04;
const answerMs = 10_000;
const patienceMs = 90_000;

/** Begins at once: tasks at a steady rate, each repeated with its key until it has an answer. */
export function startWorkLoad(rig: Rig, { random, perSecond, name }: WorkLoadOptions): WorkLoad {
  const accepted = new Set<TaskId>();
  const cancelled = new Set<TaskId>();
  const problems: string[] = [];
  const stop = new AbortController();

  async function submitOne(number: number): Promise<void> {
    const type = pickKind(random);
    const workMs = Math.round(random() < longShare ? 1_500 + random() * 2_000 : 5 + random() * 150);
    const isUnwanted = random() < cancelShare;
    const unwantedAfterMs = random() * 600;
    const requirements = { capabilities: random() < pullShare ? ["work", "pull"] : ["work"] };
    const task = { type, input: { name, number, workMs }, requirements, maxAttempts: 20 };
    const id = await ask<TaskId>(rig, "/tasks", { body: task, key: `${name}-${number}`, wanted: 201, problems });
    accepted.add(id);
    if (!isUnwanted) return;
    await delay(unwantedAfterMs);
    cancelled.add(id);
    await ask(rig, `/tasks/${id}/cancel`, { body: {}, key: undefined, wanted: 200, problems });
  }

  async function submitAll(): Promise<void> {
    const pending: Promise<void>[] = [];
    const begunAt = performance.now();
    for (let number = 0; !stop.signal.aborted; number++) {
      pending.push(submitOne(number));
      const dueInMs = begunAt + ((number + 1) * 1_000) / perSecond - performance.now();
      await delay(Math.max(0, dueInMs), undefined, { signal: stop.signal }).catch(() => undefined);
    }
    await Promise.all(pending);
  }

  const done = submitAll();
  done.catch(() => undefined); // told by finish
  return {
    accepted,
    cancelled,
    problems,
    finish: () => {
      stop.abort();
      return done;
    },
  };
}

function pickKind(random: () => number): WorkKind {
  let left = random() * 100;
  for (const kind of workKinds) {
    left -= shares[kind] ?? 0;
    if (left < 0) return kind;
  }
  return "echo";
}

interface Asking {
  readonly body: unknown;
  readonly key: string | undefined;
  readonly wanted: number;
  readonly problems: string[];
}

/** Posts until it is answered as wanted, and gives the task's id. */
async function ask<Id extends string>(rig: Rig, path: string, { body, key, wanted, problems }: Asking): Promise<Id> {
  const until = performance.now() + patienceMs;
  let last: unknown;
  while (performance.now() < until) {
    try {
      const response = await fetch(`${rig.fleet.rest.url}/api/v1${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${rig.fleet.apiKey}`,
          "content-type": "application/json",
          ...(key !== undefined && { "idempotency-key": key }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(answerMs),
      });
      const text = await response.text();
      if (response.status === wanted) return (JSON.parse(text) as { data: { id: Id } }).data.id;
      last = `${response.status} ${text}`;
      // an outage is answered 503, and 504 past a time limit; a lost race 409
      if (response.status < 503 && response.status !== 409) problems.push(`${path}: ${last}`);
    } catch (error) {
      last = error;
    }
    await delay(100);
  }
  throw new Error(`${path} was not answered ${wanted} within ${patienceMs} ms`, { cause: last });
}
