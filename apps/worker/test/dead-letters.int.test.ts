import { nobodysTenant } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { describe, expect, test } from "vitest";
import { openHarness } from "./_worker-harness.ts";

const all = { limit: 200, after: undefined };

describe("dead messages", () => {
  test("one that is given up is entered, buried with its marks, and keeps its id over its deaths", async () => {
    await using it = await openHarness();
    it.consume();
    it.start();
    await it.queue.sendBatch([{ id: "1", body: "no JSON", attributes: { from: "a test" } }]);
    const [letter] = await waitFor(async () => {
      const found = await it.reads.list([nobodysTenant], {}, all);
      return found.length === 1 && found;
    });
    if (letter === undefined) throw new Error("no letter");
    await waitFor(() => it.count("devmesh-tasks-dlq") === 1);
    expect(letter).toMatchObject({ kind: "message", reason: "invalid_argument", redrives: 0, state: "dead" });
    const found = await it.reads.find([nobodysTenant], letter.id);
    expect(found?.payload).toEqual({ body: "no JSON", attributes: { from: "a test" } });
    expect(await it.reads.list([it.tenantId], {}, all)).toEqual([]);

    await it.writes.claimMessages([nobodysTenant], [letter.id], { by: it.by, force: false });
    it.wake();
    await waitFor(() => it.handled.length === 2);
    await waitFor(async () => {
      const again = await it.reads.find([nobodysTenant], letter.id);
      return again?.letter.state === "dead" && again.letter.redrives === 1;
    });
    // the copy of the first death goes
    await waitFor(() => it.count("devmesh-tasks-dlq") === 1 && it.count("devmesh-tasks") === 0);
    const [copy] = it.aws.inspectQueue("devmesh-tasks-dlq")?.messages.ready ?? [];
    expect(JSON.stringify(copy)).toContain('"redrives"');
  }, 30_000);
});
