import type { DroppedNodes } from "@devmesh/agents";
import { nodeTimes } from "@devmesh/agents";
import type { AgentId, NodeId, TenantId } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import { expect, test, vi } from "vitest";
import { createNodeMetrics, dropDeadNodes } from "./drop-dead-nodes.ts";

const node = "n" as NodeId;
const dead: DroppedNodes = {
  nodes: [node],
  agents: [
    { tenantId: "t" as TenantId, agentId: "a" as AgentId, nodeId: node },
    { tenantId: "t" as TenantId, agentId: "b" as AgentId, nodeId: node },
  ],
};

interface Scene {
  readonly find?: (nodes: readonly NodeId[]) => ReadonlyMap<NodeId, never> | undefined;
  /** By the count of surveys. */
  readonly hasDead?: (survey: number) => boolean;
  readonly hasLapsed?: (survey: number) => boolean;
  readonly failsAt?: number;
}

/** Runs it until `until` holds of the suspects it asked about so far. */
async function run(
  { find, hasDead = () => false, hasLapsed = () => false, failsAt }: Scene,
  until: (asked: NodeId[][], surveys: number) => boolean,
) {
  const asked: NodeId[][] = [];
  const lines: string[] = [];
  const endedAt: number[] = [];
  let surveys = 0;
  const end = new AbortController();
  const all = createMetrics("worker");
  const metrics = createNodeMetrics(all);
  const running = dropDeadNodes(
    {
      nodes: {
        survey: async () => {
          surveys += 1;
          if (surveys === failsAt) throw new Error("away");
          return { alive: [node], hasDead: hasDead(surveys), hasLapsed: hasLapsed(surveys), nextEndInMs: 20 };
        },
        endPresences: async () => endedAt.push(surveys),
        dropDead: async (suspects) => {
          asked.push([...suspects]);
          return dead;
        },
      },
      presence: find && { find: async (nodes) => find(nodes) },
      times: nodeTimes(60),
      metrics,
      logger: createLogger({ level: "warn", service: "t", destination: { write: (line) => void lines.push(line) } }),
      now: () => performance.now(),
    },
    end.signal,
  );
  await vi.waitFor(() => expect(until(asked, surveys)).toBe(true), { timeout: 30_000, interval: 5 });
  const text = await all.metricsText();
  end.abort();
  await running;
  return { asked, endedAt, lines, text, after: await all.metricsText() };
}

test("drops nodes whose lease ended, and tells of each", async () => {
  const { asked, lines, text, after } = await run({ hasDead: (survey) => survey > 1 }, (calls) => calls.length > 0);
  expect(asked[0]).toEqual([]);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ nodeId: node, agents: 2 });
  expect(text).toMatch(/devmesh_nodes_alive\{.*\} 1\n/);
  expect(text).toMatch(/devmesh_nodes_dropped_total\{.*\} 1\n/);
  expect(after).toMatch(/devmesh_nodes_alive\{.*\} 0\n/);
});

test("notes the ends of presences in the look that found them, and asks for nothing where there are none", async () => {
  const hasLapsed = (survey: number): boolean => survey === 2;
  const { asked, endedAt } = await run({ hasLapsed }, (_, surveys) => surveys > 3);
  expect({ asked, endedAt }).toEqual({ asked: [], endedAt: [2] });
});

test("judges nobody by the first look, nor by the first after a failure", async () => {
  const judgedAt: number[] = [];
  const hasDead = (survey: number): boolean => {
    judgedAt.push(survey);
    return [1, 4, 6].includes(survey);
  };
  const { asked } = await run({ hasDead, failsAt: 3 }, (calls) => calls.length > 0);
  expect(judgedAt).toEqual([1, 2, 4, 5, 6]);
  expect(asked).toHaveLength(1);
});

test("asks about a node that stopped saying that it lives", async () => {
  let looks = 0;
  const find = (nodes: readonly NodeId[]): ReadonlyMap<NodeId, never> => {
    looks += nodes.length;
    return new Map(looks < 3 ? [[node, {} as never]] : []);
  };
  const { asked } = await run({ find }, (calls) => calls.length > 0);
  expect(asked[0]).toEqual([node]);
});

test("asks about nobody while it is not known who lives", async () => {
  const { asked } = await run({ find: () => undefined }, (_, surveys) => surveys > 3);
  expect(asked).toEqual([]);
});
