import { fileURLToPath } from "node:url";
import { connectAgent } from "@devmesh/agent-sdk";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

const skewedClock = fileURLToPath(new URL("../faults/skewed-clock.ts", import.meta.url));

let fleet: Fleet;
beforeAll(async () => {
  fleet = await openFleet({ times: {} });
});
afterAll(() => fleet?.[Symbol.asyncDispose]());

test.each([-600_000, 600_000])("a worker whose clock is off by %i ms wakes tasks in time", async (skewMs) => {
  await fleet.workers[0]?.stop();
  await fleet.workers[0]?.start({ NODE_OPTIONS: `--import ${skewedClock}`, SKEW_MS: String(skewMs) });
  await using agent = await connectAgent({
    url: `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`,
    apiKey: fleet.apiKey,
    name: "echo",
    capabilities: [{ name: "echo" }],
  });
  void agent.handle({ echo: (task) => task.input });
  // the sweep has looked and sleeps: what is due sooner has to wake it
  const { id: first } = await agent.submit({ type: "echo", input: 1 });
  await waitFor(async () => (await agent.get(first)).state === "completed", { what: "the first result" });
  const due = Date.now() + 2_000;
  const { id, state } = await agent.submit({ type: "echo", input: 2, notBefore: new Date(due).toISOString() });
  expect(state).toBe("scheduled");
  await waitFor(async () => (await agent.get(id)).state === "completed", { what: "the second result" });
  expect(Date.now()).toBeGreaterThanOrEqual(due);
});
