import { AppError, type NodeId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { expect, test } from "vitest";
import { runNodeLease } from "./node-lease.ts";

test("tries a renewal that failed again long before the next would be due", async () => {
  const stop = new AbortController();
  const renewedAt: number[] = [];
  await runNodeLease(
    {
      store: {
        renew: async () => {
          renewedAt.push(performance.now());
          if (renewedAt.length === 1) throw new AppError("unavailable", "the database is not available");
          stop.abort();
          return { lapsed: false };
        },
        reattach: async () => [],
      },
      nodeId: "node" as NodeId,
      leaseMs: 2_000,
      renewEveryMs: 1_000,
      connections: () => [],
      onKept: () => undefined,
      onLost: () => undefined,
      logger: createLogger({ level: "silent", service: "mcp-server" }),
    },
    stop.signal,
  );
  const [first = 0, second = 0] = renewedAt;
  expect(second - first).toBeGreaterThan(0);
  expect(second - first).toBeLessThan(1_000);
});
