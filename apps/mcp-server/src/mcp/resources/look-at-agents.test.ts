import type { Agent, TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AgentLooks, createAgentLooks } from "./look-at-agents.ts";

const tenantId = "019ad9b5-6c00-7000-8000-000000000002" as TenantId;
const logger = createLogger({ level: "silent", service: "test" });

let agent: Partial<Agent> | undefined;
let watchedIds: readonly string[];
let reads: number;
let changed: string[];
let looks: AgentLooks;

beforeEach(() => {
  vi.useFakeTimers();
  agent = { name: "a", inFlight: 0, lastSeenAt: "1" };
  watchedIds = ["7"];
  reads = 0;
  changed = [];
  looks = createAgentLooks({
    watched: { agentsOf: () => watchedIds, changed: ({ id }) => void changed.push(id) },
    agents: {
      find: async () => {
        reads += 1;
        return agent as Agent | undefined;
      },
    },
    logger,
  });
});

afterEach(() => {
  looks[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("looks at watched agents", () => {
  it("tell of the first hint, and then of those that changed something", async () => {
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changed).toEqual(["7"]);
    agent = { ...agent, lastSeenAt: "2", load: { cpu: 1 } };
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changed).toEqual(["7"]);
    agent = { ...agent, inFlight: 1 };
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changed).toEqual(["7", "7"]);
    agent = undefined;
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changed).toEqual(["7", "7", "7"]);
  });

  it("happen once a second, however many hints come, and see the last of them", async () => {
    for (let hint = 0; hint < 100; hint += 1) looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(500);
    expect(reads).toBe(1);
    agent = { ...agent, inFlight: 1 };
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(500);
    expect(reads).toBe(2);
    expect(changed).toEqual(["7", "7"]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(reads).toBe(2);
  });

  it("cost nothing where no agent is watched", async () => {
    watchedIds = [];
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(reads).toBe(0);
  });

  it("go on after one that failed", async () => {
    const find = vi.fn().mockRejectedValueOnce(new Error("away")).mockResolvedValue(agent);
    looks[Symbol.dispose]();
    looks = createAgentLooks({
      watched: { agentsOf: () => watchedIds, changed: ({ id }) => void changed.push(id) },
      agents: { find },
      logger,
    });
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(1_000);
    looks.wake(tenantId);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changed).toEqual(["7"]);
  });
});
