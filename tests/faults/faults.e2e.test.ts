import { setTimeout as delay } from "node:timers/promises";
import { waitFor } from "@devmesh/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";
import { auditLoad, startLoad } from "../kit/load.ts";

const count = 300;
const perSecond = 60;

/** Runs a load, lets `fault` happen in its midst, and counts what became of every task. */
async function survive(fleet: Fleet, fault: () => Promise<unknown>): Promise<void> {
  const load = startLoad(fleet, { count, perSecond });
  await waitFor(() => load.accepted.size > count / 4, { what: "a load that is flowing" });
  await fault();
  await load.done;
  const audit = await auditLoad(fleet, 40_000);
  expect(load.accepted.size).toBe(count);
  expect(audit).toEqual({
    tasks: count,
    final: count,
    completed: count,
    results: count,
    wrong: 0,
    completedTwice: 0,
    inFlight: 0,
  });
}

describe("every accepted task ends with exactly one result", () => {
  let fleet: Fleet;
  beforeEach(async () => {
    fleet = await openFleet({ mcpServers: 2, workers: 2 });
    await Promise.all([fleet.startAgent("a", 0), fleet.startAgent("b", 1)]);
  });
  afterEach(() => fleet[Symbol.asyncDispose]());

  test("when an agent is killed in the middle of its tasks", async () => {
    const doomed = await fleet.startAgent("doomed", 0);
    await survive(fleet, () => doomed.kill());
  });

  test("when an mcp-server is killed and started again", async () => {
    await survive(fleet, async () => {
      await fleet.mcp[0]?.kill();
      await delay(500);
      await fleet.mcp[0]?.start();
    });
  });

  test("when Valkey stops", async () => {
    await survive(fleet, () => fleet.services.stopValkey());
  });

  test("when the queue stops, and comes back", async () => {
    await survive(fleet, async () => {
      await fleet.queue.stop();
      await delay(2_000);
      await fleet.queue.start();
    });
  });

  test("when Postgres stops, and comes back", async () => {
    await survive(fleet, async () => {
      await fleet.services.stopPostgres();
      await delay(2_000);
      await fleet.services.startPostgres();
    });
  });

  test("when a worker is killed", async () => {
    await survive(fleet, async () => fleet.workers[0]?.kill());
  });
});
