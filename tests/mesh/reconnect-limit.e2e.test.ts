import { type AgentEvent, connectAgent } from "@devmesh/agent-sdk";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { openFleet } from "../kit/fleet.ts";

const agents = 40;
const perSecond = 10;

test("agents that lost their node together come back at the node's rate, and none knocks without need", async () => {
  await using stack = new AsyncDisposableStack();
  const fleet = stack.use(await openFleet({ times: { DEVMESH_MCP_UPGRADES_PER_SECOND: String(perSecond) } }));
  const events = Array.from({ length: agents }, (): AgentEvent[] => []);
  const count = (type: AgentEvent["type"]): number => events.flat().filter((event) => event.type === type).length;
  const connected = await Promise.all(
    events.map((own, index) =>
      connectAgent({
        url: `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`,
        apiKey: fleet.apiKey,
        name: `agent-${index}`,
        capabilities: [],
        onEvent: (event) => own.push(event),
      }),
    ),
  );
  for (const agent of connected) stack.use(agent);

  const [node] = fleet.mcp;
  await node?.stop();
  await node?.start();
  const backAt = performance.now();
  await waitFor(() => count("connected") === 2 * agents, { what: "all agents" });
  // the last of 40 is let in 3 s after the first, and comes a little later than it was told
  expect(performance.now() - backAt).toBeLessThan(20_000);

  const refusals = events.map((own) =>
    own.flatMap((event) =>
      event.type === "disconnected" && event.error.reason === "rate_limited" ? [{ ...event }] : [],
    ),
  );
  expect(refusals.flat().length).toBeGreaterThan(0);
  for (const { error, retryInMs } of refusals.flat()) {
    expect(error).toMatchObject({ code: "resource_exhausted", retryAfterMs: expect.any(Number) });
    expect(retryInMs).toBeGreaterThanOrEqual(error.retryAfterMs ?? Number.POSITIVE_INFINITY);
  }
  // who keeps to its time is let in, but for the few that meet someone's jitter
  expect(refusals.flat().length).toBeLessThan(2 * 2 * agents);
  expect(Math.max(...refusals.map(({ length }) => length))).toBeLessThan(10);
});
