import { randomUUID } from "node:crypto";
import type { MessageMove } from "@devmesh/adapters";
import { AppError, type DeadLetterFilter, nobodysTenant } from "@devmesh/models";
import { sql } from "@devmesh/repositories";
import { waitFor } from "@devmesh/testing";
import { describe, expect, test } from "vitest";
import { type DeadLetterHarness, type HarnessOptions, openHarness } from "./_worker-harness.ts";

const all = { limit: 200, after: undefined };
const nobody = [nobodysTenant];
const wholeQueue = { queue: "devmesh-tasks" };

/** Sends messages that nobody can handle, and waits until they are dead. */
async function kill(it: DeadLetterHarness, bodies: readonly string[]): Promise<readonly string[]> {
  it.consume();
  await it.queue.sendBatch(bodies.map((body, index) => ({ id: String(index), body })));
  await waitFor(() => it.count("devmesh-tasks-dlq") === bodies.length);
  return (await it.reads.list(nobody, {}, all)).map(({ id }) => id);
}

async function startJob(it: DeadLetterHarness, filter: DeadLetterFilter, ratePerSecond = 1_000): Promise<string> {
  const id = randomUUID();
  const tenants = [it.tenantId, nobodysTenant];
  await it.jobs.create(it.tenantId, { id, tenants, filter, ratePerSecond, force: false, by: it.by });
  it.wake();
  return id;
}

const finished = (it: DeadLetterHarness, id: string) =>
  waitFor(async () => {
    const job = await it.job(id);
    return job.finishedAt !== undefined && job;
  });

async function outcomes(it: DeadLetterHarness, id: string): Promise<readonly string[]> {
  return (await it.reads.audit(nobody, id, all)).map(({ outcome }) => outcome);
}

describe("dead messages", () => {
  test("one that is given up is entered, buried with its marks, and keeps its id over its deaths", async () => {
    await using it = await openHarness();
    it.start();
    it.consume();
    await it.queue.sendBatch([{ id: "1", body: "no JSON", attributes: { from: "a test" } }]);
    const [letter] = await waitFor(async () => {
      const found = await it.reads.list(nobody, {}, all);
      return found.length === 1 && found;
    });
    if (letter === undefined) throw new Error("no letter");
    expect(letter).toMatchObject({ kind: "message", reason: "invalid_argument", redrives: 0, state: "dead" });
    const found = await it.reads.find(nobody, letter.id);
    expect(found?.payload).toEqual({ body: "no JSON", attributes: { from: "a test" } });
    expect(await it.reads.list([it.tenantId], {}, all)).toEqual([]);

    await it.writes.claimMessages(nobody, [letter.id], { by: it.by, force: false });
    it.wake();
    await waitFor(async () => {
      const again = await it.reads.find(nobody, letter.id);
      return again?.letter.state === "dead" && again.letter.redrives === 1;
    });
    expect(it.handled).toEqual(["no JSON", "no JSON"]);
    // the copy of the first death goes
    await waitFor(() => it.count("devmesh-tasks-dlq") === 1 && it.count("devmesh-tasks") === 0);
    expect(await outcomes(it, letter.id)).toEqual(["redriven"]);
  });

  test("a message whose body names a tenant is that tenant's", async () => {
    await using it = await openHarness();
    await kill(it, [
      JSON.stringify({ tenantId: it.tenantId, taskId: "x" }),
      JSON.stringify({ tenantId: randomUUID() }),
    ]);
    expect(await it.reads.list([it.tenantId], {}, all)).toHaveLength(1);
    expect(await it.reads.list(nobody, {}, all)).toHaveLength(1);
    expect(await it.reads.list([it.tenantId, nobodysTenant], {}, all)).toHaveLength(2);
  });

  test("what SQS itself gave up is found, left where it is, and sent again", async () => {
    await using it = await openHarness();
    it.aws.sendMessage("devmesh-tasks-dlq", "five times in vain");
    it.start();
    const [letter] = await waitFor(async () => {
      const found = await it.reads.list(nobody, {}, all);
      return found.length === 1 && found;
    });
    expect(letter).toMatchObject({ reason: "max_receives", state: "dead" });
    expect(it.count("devmesh-tasks-dlq")).toBe(1);
    await it.writes.claimMessages(nobody, [letter?.id ?? ""], { by: it.by, force: false });
    it.wake();
    await waitFor(() => it.count("devmesh-tasks") === 1 && it.count("devmesh-tasks-dlq") === 0);
  });

  test("a purged one is deleted from SQS, its payload at once", async () => {
    await using it = await openHarness();
    const [id = ""] = await kill(it, ["one", "two"]);
    expect(await it.writes.purge(nobody, id, it.by)).toBe(true);
    expect(await it.reads.find(nobody, id)).toBeUndefined();
    it.start();
    await waitFor(() => it.count("devmesh-tasks-dlq") === 1);
    await waitFor(async () => (await it.deps.store.findPurging("devmesh-tasks", 1)).length === 0);
    const { rows } = await it.database.queryAs<{ body: unknown; state: string }>(
      { role: "devmesh_engine" },
      sql`select body, state from dead_letter where id = ${id}`,
    );
    expect(rows).toEqual([{ body: null, state: "purged" }]);
    expect(await outcomes(it, id)).toEqual(["purged"]);
  });

  test("while SQS is away a claimed one waits, and is sent when it is back", async () => {
    await using it = await openHarness();
    const [id = ""] = await kill(it, ["one"]);
    const { sendBatch } = it.queue;
    let isAway = true;
    Object.assign(it.queue, {
      sendBatch: (messages: readonly { id: string }[]) =>
        isAway
          ? Promise.resolve(messages.map(({ id: name }) => ({ id: name, error: new AppError("unavailable", "away") })))
          : sendBatch(messages as never),
    });
    await it.writes.claimMessages(nobody, [id], { by: it.by, force: false });
    it.start();
    await expect.poll(() => outcomes(it, id)).toEqual(["pending"]);
    expect((await it.reads.find(nobody, id))?.letter.state).toBe("redriving");
    isAway = false;
    await waitFor(async () => (await outcomes(it, id))[0] === "redriven");
  });
});

describe("bulk redrives", () => {
  test("a whole queue goes one by one where SQS can't move it; what is past the limit is skipped", async () => {
    await using it = await openHarness();
    const ids = await kill(it, ["a", "b", "c"]);
    await run(it, sql`update dead_letter set redrives = 3 where id = ${ids[0]}`);
    it.start();
    const job = await finished(it, await startJob(it, wholeQueue));
    expect(job).toMatchObject({ state: "completed", method: "single", total: 3, done: 2, failed: 0, skipped: 1 });
    expect(await outcomes(it, ids[0] ?? "")).toEqual(["refused"]);
    expect(await outcomes(it, ids[1] ?? "")).toEqual(["redriven"]);
  });

  test("keep to their rate, and are taken up where a lost process left them", async () => {
    await using it = await openHarness();
    await kill(
      it,
      Array.from({ length: 12 }, (_, n) => `m${n}`),
    );
    const id = await startJob(it, { kind: "message" }, 10);
    // what another process did before it was lost: counted in the audit, not yet in the job
    const [first] = await it.reads.list(nobody, {}, all);
    await it.writes.claimMessages(nobody, [first?.id ?? ""], { by: it.by, force: false, jobId: id });
    await run(it, sql`update redrive_job set state = 'running', started_at = now() where id = ${id}`);
    const startedAt = performance.now();
    it.start();
    expect(await finished(it, id)).toMatchObject({ state: "completed", done: 12, total: 12 });
    expect(performance.now() - startedAt).toBeGreaterThan(900);
  });

  test("stop within a second", async () => {
    await using it = await openHarness();
    await kill(
      it,
      Array.from({ length: 10 }, (_, n) => `m${n}`),
    );
    it.start();
    const id = await startJob(it, { kind: "message" }, 2);
    await waitFor(async () => (await it.job(id)).done > 0);
    expect((await it.jobs.stop(it.tenantId, id))?.state).toBe("stopping");
    const stoppedAt = performance.now();
    expect(await finished(it, id)).toMatchObject({ state: "stopped" });
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
    expect((await it.job(id)).done).toBeLessThan(5);
  });

  test("ask the engine once for each task", async () => {
    await using it = await openHarness();
    await run(
      it,
      sql`insert into dead_letter (tenant_id, id, kind, queue, type, reason, message)
        select ${it.tenantId}, gen_random_uuid(), 'task', 'tasks', 'work', 'permanent', 'no' from generate_series(1, 5)`,
    );
    it.start();
    const job = await finished(it, await startJob(it, { type: "work" }));
    expect(job).toMatchObject({ state: "completed", skipped: 0, total: 5 });
    expect(it.redriven).toHaveLength(5);
    expect(new Set(it.redriven).size).toBe(5);
  });
});

describe("a move by SQS itself", () => {
  test("takes the whole queue, counted and noted, and is followed to its end", async () => {
    const sqs = fakeMoves();
    await using it = await openHarness(sqs);
    const ids = await kill(it, ["a", "b", "c"]);
    it.start();
    const id = await startJob(it, wholeQueue, 25);
    await waitFor(() => sqs.started.length === 1);
    expect(sqs.started).toEqual([25]);
    sqs.moved(2);
    await waitFor(async () => (await it.job(id)).done === 2);
    expect((await it.reads.find(nobody, ids[0] ?? ""))?.letter).toMatchObject({ state: "redriving", redrives: 1 });
    await sqs.drain(it, 3);
    sqs.end("completed");
    expect(await finished(it, id)).toMatchObject({ state: "completed", method: "native", done: 3 });
    for (const one of ids) {
      expect(await outcomes(it, one)).toEqual(["redriven"]);
      expect((await it.reads.find(nobody, one))?.letter).toMatchObject({ state: "redriven", redrives: 1 });
    }
  });

  test("is cancelled by a stop; what is left is dead as before, and does not count", async () => {
    const sqs = fakeMoves();
    await using it = await openHarness(sqs);
    const ids = await kill(it, ["a", "b", "c"]);
    it.start();
    const id = await startJob(it, wholeQueue);
    await waitFor(() => sqs.started.length === 1);
    await sqs.drain(it, 1);
    await it.jobs.stop(it.tenantId, id);
    await waitFor(() => sqs.cancelled.length === 1);
    sqs.end("cancelled");
    expect(await finished(it, id)).toMatchObject({ state: "stopped", done: 1 });
    const letters = await Promise.all(ids.map(async (one) => (await it.reads.find(nobody, one))?.letter));
    expect(letters.map((letter) => `${letter?.state} ${letter?.redrives}`).sort()).toEqual([
      "dead 0",
      "dead 0",
      "redriven 1",
    ]);
  });

  test("is not asked for where a message is past the limit, or another tenant's", async () => {
    const sqs = fakeMoves();
    await using it = await openHarness(sqs);
    const ids = await kill(it, ["a", "b"]);
    it.start();
    await run(it, sql`update dead_letter set redrives = 3 where id = ${ids[0]}`);
    expect(await finished(it, await startJob(it, wholeQueue))).toMatchObject({ method: "single", done: 1, skipped: 1 });
    await run(it, sql`update dead_letter set redrives = 0, tenant_id = ${randomUUID()} where id = ${ids[0]}`);
    expect(await finished(it, await startJob(it, wholeQueue))).toMatchObject({ method: "single" });
    expect(sqs.started).toEqual([]);
  });

  test("that SQS refuses to begin is taken back, and done one by one", async () => {
    const sqs = fakeMoves();
    await using it = await openHarness({ moves: { ...sqs.moves, start: () => Promise.resolve(false) } });
    const ids = await kill(it, ["a"]);
    it.start();
    expect(await finished(it, await startJob(it, wholeQueue))).toMatchObject({ method: "single", done: 1 });
    expect(await outcomes(it, ids[0] ?? "")).toEqual(["redriven"]);
  });
});

async function run(it: DeadLetterHarness, statement: ReturnType<typeof sql>): Promise<void> {
  await it.database.queryAs({ role: "devmesh_engine" }, statement);
}

interface FakeMoves extends Required<Pick<HarnessOptions, "moves">> {
  readonly started: number[];
  readonly cancelled: string[];
  moved(count: number): void;
  end(status: MessageMove["status"]): void;
  /** Takes messages out of the dead-letter queue, as a move does. */
  drain(it: DeadLetterHarness, count: number): Promise<void>;
}

/** SQS's side of a move, told by the test how far it is. */
function fakeMoves(): FakeMoves {
  const started: number[] = [];
  const cancelled: string[] = [];
  let move: MessageMove | "none" = "none";
  const change = (more: Partial<MessageMove>): void => {
    if (move !== "none") move = { ...move, ...more };
  };
  return {
    started,
    cancelled,
    moves: {
      latest: async () => move,
      start: async (rate) => {
        started.push(rate);
        move = {
          status: "running",
          handle: "h",
          moved: 0,
          toMove: undefined,
          startedAt: new Date(),
          failure: undefined,
        };
        return true;
      },
      cancel: async (handle) => {
        cancelled.push(handle);
        change({ status: "cancelling" });
      },
    },
    moved: (count) => change({ moved: count }),
    end: (status) => change({ status, handle: undefined }),
    drain: async (it, count) => {
      const signal = new AbortController().signal;
      for (let left = count; left > 0; ) {
        const how = { maxMessages: left, waitTimeSeconds: 1, visibilityTimeoutSeconds: 30, signal };
        const messages = await it.queue.deadLetters.receive(how);
        await it.queue.deadLetters.deleteBatch(messages.map(({ receiptHandle }) => receiptHandle));
        left -= messages.length;
      }
      change({ moved: count });
    },
  };
}
